// Checks that run inside the page.
const CONTROLS = "a[href], button, input, select, textarea, summary, [tabindex]";
const isShown = element => element.checkVisibility({ checkVisibilityCSS: true }) && element.getClientRects().length > 0;

const nameOf = element =>
  element.getAttribute("aria-label") || element.labels?.[0]?.textContent
  || document.getElementById(element.getAttribute("aria-labelledby"))?.textContent || element.textContent;

/** Relative luminance of WCAG 2.2; the canvas turns every notation of a colour into bytes. */
const pixel = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
function bytes(colour) {
  pixel.clearRect(0, 0, 1, 1);
  pixel.fillStyle = colour;
  pixel.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = pixel.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
}
const linear = value => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3]));

function backgroundOf(element) {
  const layers = [];
  for (let at = element; at; at = at.parentElement) layers.push(bytes(getComputedStyle(at).backgroundColor));
  return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
}

function contrast(element) {
  const back = backgroundOf(element);
  const text = over(bytes(getComputedStyle(element).color), back);
  const [light, dark] = [luminance(text), luminance(back)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

function findProblems() {
  const problems = [];
  const tell = (element, what) => problems.push(`${element.outerHTML.slice(0, 120)}: ${what}`);
  if (document.documentElement.lang !== "en") problems.push("The page says no language.");
  if (document.querySelectorAll("h1").length !== 1) problems.push("There is not exactly one h1.");
  if (!document.title.includes(document.querySelector("h1").textContent)) problems.push(`The title is '${document.title}'.`);
  for (const landmark of ["header", "nav", "main"]) if (!document.querySelector(landmark)) problems.push(`There is no ${landmark}.`);
  const ids = [...document.querySelectorAll("[id]")].map(element => element.id);
  if (new Set(ids).size !== ids.length) problems.push("An id is used twice.");
  for (const element of document.querySelectorAll(`${CONTROLS}, [role=img], progress`)) {
    if (isShown(element) && element.id !== "main" && !nameOf(element)?.trim()) tell(element, "has no name");
  }
  for (const header of document.querySelectorAll("th")) if (!header.scope) tell(header, "has no scope");
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || !isShown(element) || element.closest("option, .skip")) continue;
    const found = contrast(element);
    if (found < 4.5) tell(element, `text has a contrast of ${found.toFixed(2)}`);
  }
  return [...new Set(problems)];
}

/** Numbers what the tab key can reach, in the order of the document. One radio button of a group is reached: the chosen one. */
function markControls() {
  const reached = [...document.querySelectorAll(CONTROLS)].filter(element =>
    element.tabIndex >= 0 && !element.disabled && isShown(element) && (element.type !== "radio" || element.checked));
  document.activeElement?.blur();
  return reached.map((element, index) => (element.dataset.control = index, index));
}

function readFocus() {
  const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
  return { control: Number(document.activeElement.dataset.control), visible: outlineStyle !== "none" && parseFloat(outlineWidth) > 0 };
}
