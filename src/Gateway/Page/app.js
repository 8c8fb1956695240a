// What the address says, shown: #/rollouts, #/trajectories?status=failed, #/trajectories/ID …
import { h } from "./dom.js";
import { showFleet } from "./views/fleet.js";
import { showGroup } from "./views/group.js";
import { showRollouts } from "./views/rollouts.js";
import { showRollout } from "./views/rollout.js";
import { showTrajectories } from "./views/trajectories.js";
import { showTrajectory } from "./views/trajectory.js";

const routes = [
  [/^\/rollouts\/([^/]+)$/, showRollout],
  [/^\/trajectories$/, showTrajectories],
  [/^\/trajectories\/([^/]+)$/, showTrajectory],
  [/^\/groups\/([^/]+)$/, showGroup],
  [/^\/fleet$/, showFleet],
  [/^\/(?:rollouts)?$/, showRollouts],
];
const main = document.getElementById("main");
let leaving = new AbortController();

async function route() {
  if (location.hash === "#main") return main.focus();
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const [path, search] = (location.hash.slice(1) || "/").split("?");
  for (const link of document.querySelectorAll("nav a"))
    link.ariaCurrent = (path === "/" ? "/rollouts" : path).startsWith(link.hash.slice(1)) ? "page" : null;

  main.className = "";
  main.replaceChildren();
  try {
    const [pattern, show] = routes.find(([pattern]) => pattern.test(path)) ?? [];
    if (!show) throw new Error(`There is no view '${path}'.`);
    await show(main, { id: decodeURIComponent(pattern.exec(path)[1] ?? ""), parameters: new URLSearchParams(search), signal });
    if (signal.aborted) return;
    document.title = `${main.querySelector("h1")?.textContent ?? "AgentRollout"} · AgentRollout`;
    performance.mark("view-shown");
  } catch (error) {
    if (!signal.aborted) main.replaceChildren(h("h1", "This cannot be shown"), h("p.problem", { role: "alert" }, error.message));
  }
}

addEventListener("hashchange", () => { main.focus(); route(); });
addEventListener("keydown", event => {
  if (event.key !== "/" || event.target.closest("input, select, textarea")) return;
  const search = document.querySelector("input[type=search]");
  if (search) {
    event.preventDefault();
    search.focus();
  }
});
route();
