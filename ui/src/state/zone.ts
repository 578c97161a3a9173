import type { Zone } from "../engine/base/time";
import { oneOf, setting } from "./setting";

/** zone is whose clock times are shown in. APIs and the command line always speak UTC. */
export const zone = setting<Zone>("zone", "local", oneOf("local", "utc"));
