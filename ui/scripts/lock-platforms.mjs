// Adds to package-lock.json the optional binaries of platforms that the registry at hand does not carry.
//
// npm leaves out of a lock file what it cannot see, and then `npm ci` refuses the lock file everywhere. The names
// and exact versions of these binaries are in the lock file all the same, as optional dependencies of the packages
// they belong to; so the entries can be written without asking anybody. They have no integrity hash: a machine of
// such a platform takes npm's word for it. Run it after `npm install` behind a partial mirror.

import { readFileSync, writeFileSync } from "node:fs";

const file = new URL("../package-lock.json", import.meta.url).pathname;
const lock = JSON.parse(readFileSync(file, "utf8"));

const cpus = {
  arm: "arm",
  arm64: "arm64",
  x64: "x64",
  ia32: "ia32",
  ppc64: "ppc64",
  riscv64: "riscv64",
  s390x: "s390x",
};

/** entryOf reads os, cpu and libc out of a binary's name, as linux-arm64-musl. */
function entryOf(name, version) {
  const [os, cpu, abi = ""] = name.replace(/^.*\/(cli|binding|typescript)-/, "").split("-");
  const entry = { version, cpu: [cpus[cpu]], dev: true, optional: true, os: [os] };
  if (!entry.cpu[0]) throw new Error(`${name}: what machine is that?`);
  if (os === "linux" && /^(gnu|musl)/.test(abi)) entry.libc = [abi.startsWith("musl") ? "musl" : "glibc"];
  return entry;
}

let added = 0;
for (const entry of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`;
    if (lock.packages[path] || !/^\d+\.\d+\.\d+$/.test(version)) continue;
    lock.packages[path] = entryOf(name, version);
    added++;
  }
}
const { "": root, ...rest } = lock.packages;
lock.packages = {
  "": root,
  ...Object.fromEntries(Object.entries(rest).toSorted(([a], [b]) => (a < b ? -1 : 1))),
};
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} entries added`);
