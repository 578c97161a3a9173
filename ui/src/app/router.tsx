// The pages and their places.

import { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from "@tanstack/react-router";
import { basePath, getHealth } from "../api/client";
import { keepSearch, parseSearch, stringifySearch } from "../state/search";
import { Shell } from "./shell";
import { Lost, Trouble } from "./trouble";

export const queries = new QueryClient({
  defaultOptions: { queries: { retry: false, refetchOnWindowFocus: false, staleTime: 10_000 } },
});

const root = createRootRouteWithContext()({
  component: Shell,
  notFoundComponent: Lost,
  errorComponent: Trouble,
  validateSearch: keepSearch,
});

/** The first page is the checklist as long as the store is empty, then the list of traces. */
const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: async ({ search }) => {
    const health = await getHealth().catch(() => null);
    throw redirect({ to: health?.store.spans === 0 ? "/welcome" : "/explore", search, replace: true });
  },
});

const explore = createRoute({
  getParentRoute: () => root,
  path: "/explore",
  component: lazyRouteComponent(() => import("../views/explore/explore"), "Explore"),
});

const trace = createRoute({
  getParentRoute: () => root,
  path: "/trace/$traceId",
  component: lazyRouteComponent(() => import("../views/trace/trace"), "TracePage"),
});

const welcome = createRoute({
  getParentRoute: () => root,
  path: "/welcome",
  component: lazyRouteComponent(() => import("../views/welcome/welcome"), "Welcome"),
});

export const router = createRouter({
  routeTree: root.addChildren([home, explore, trace, welcome]),
  basepath: basePath === "" ? "/" : basePath,
  parseSearch,
  stringifySearch,
  defaultPreload: "intent",
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
