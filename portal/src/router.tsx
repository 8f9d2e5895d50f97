import { createRootRoute, createRoute, createRouter, lazyRouteComponent, parseSearchWith } from "@tanstack/react-router";
import Edges from "./pages/Edges";
import NotFound from "./pages/NotFound";
import Shell from "./ui/Shell";

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound, validateSearch: strings });

function strings(search: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(search).map(([name, value]) => [name, String(value)]));
}

const at = (path: string, load: () => Promise<{ default: () => React.ReactNode }>) =>
  createRoute({ getParentRoute: () => root, path, component: lazyRouteComponent(load) });

const plugin = () => import("./pages/Plugin");

const tree = root.addChildren([
  createRoute({ getParentRoute: () => root, path: "/", component: Edges }),
  at("/ui/activity", () => import("./pages/Activity")),
  at("/ui/launch", () => import("./pages/Launch")),
  at("/ui/bridge", () => import("./pages/Bridge")),
  at("/ui/settings", () => import("./pages/Settings")),
  at("/ui/e/$edge", () => import("./pages/Edge")),
  at("/ui/e/$edge/$plugin", plugin),
  at("/ui/e/$edge/$plugin/$view", plugin),
  at("/ui/e/$edge/$plugin/r/$resource/$key", () => import("./pages/Item")),
]);

export const router = createRouter({
  routeTree: tree,
  basepath: new URL(document.baseURI).pathname,
  defaultPreload: "intent",
  scrollRestoration: true,
  parseSearch: parseSearchWith((text) => text),
  stringifySearch: (search) => {
    const query = new URLSearchParams(Object.entries(search).filter(([, value]) => value !== undefined && value !== "") as [string, string][]).toString();
    return query ? `?${query}` : "";
  },
});
