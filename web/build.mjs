// Builds the page: `node build.mjs PAGE PARTS`. PAGE is the folder of what is put on a host, PARTS of what
// `bundle.py` packs into the file of weights.
//
// The page's script is a classic one and has the worker's inside, since a browser loads neither modules nor workers
// for a page that was opened from disk.

import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { assembleKernel } from "./assemble.mjs";

const SOURCES = fileURLToPath(new URL("src", import.meta.url));
const RUNTIME = "ort-wasm-simd-threaded";

/**
 * Returns one script of a module and all that it imports.
 * @param {string} name
 * @param {string} [banner]
 */
async function script(name, banner = "") {
  const { outputFiles } = await build({
    entryPoints: [path.join(SOURCES, name)],
    bundle: true,
    minify: true,
    write: false,
    format: "iife",
    target: "es2022",
    legalComments: "inline",
    conditions: ["onnxruntime-web-use-extern-wasm"],
    define: { "import.meta.url": "self.location.href" },
    banner: { js: banner },
  });
  return outputFiles[0].text;
}

const [page, parts] = process.argv.slice(2);
if (!page || !parts) throw new Error("usage: node build.mjs PAGE PARTS");
for (const folder of [page, parts]) await mkdir(folder, { recursive: true });

const worker = await script("worker/worker.js");
const banner = `self.HVAECODEC_WORKER=${JSON.stringify(worker)};`;
await writeFile(path.join(page, "page.js"), await script("page/main.js", banner));
for (const name of ["index.html", "page.css"]) await copyFile(path.join(SOURCES, "page", name), path.join(page, name));

const texts = ["licences.txt", "../LICENSE", "../WEIGHTS-LICENCES.md"].map((name) => new URL(name, import.meta.url));
const licences = await Promise.all(texts.map((text) => readFile(text, "utf8")));
await writeFile(path.join(page, "licences.txt"), licences.join("\n"));

await writeFile(path.join(parts, "kernel.wasm"), await assembleKernel());
const { resolve } = createRequire(import.meta.url);
for (const suffix of ["mjs", "wasm"]) {
  await copyFile(resolve(`onnxruntime-web/${RUNTIME}.${suffix}`), path.join(parts, `runtime.${suffix}`));
}
