// Where sequences of tokens part.

/** How many first elements both have in common. */
export function commonPrefix(one, other) {
  let length = 0;
  while (length < one.length && length < other.length && one[length] === other[length]) length++;
  return length;
}

/** How many first elements all have in common. */
export const commonToAll = lists => Math.min(...lists.map(list => commonPrefix(list, lists[0])));
