// The pages and their places.

import { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from "@tanstack/react-router";
import { basePath } from "../api/base";
import { ApiError, getHealth } from "../api/client";
import { onFound } from "../api/reach";
import { onToken } from "../api/token";
import { keepSearch, parseSearch, stringifySearch } from "../state/search";
import { Shell } from "./shell";
import { Lost, Trouble } from "./trouble";

export const queries = new QueryClient({
  defaultOptions: {
    // "always": a clew on this machine answers without a network too.
    queries: { retry: false, refetchOnWindowFocus: false, staleTime: 10_000, networkMode: "always" },
    mutations: { networkMode: "always" },
  },
});

// What failed because nobody answered is asked again when somebody does.
onFound(
  () =>
    void queries.refetchQueries({
      type: "active",
      predicate: ({ state }) => state.error instanceof ApiError && state.error.kind === "unreachable",
    }),
);

// Another token may be another tenant's: nothing that the one before showed is kept.
onToken(() => queries.clear());

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
  defaultErrorComponent: Trouble, // within the shell, so that there is a way on
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
