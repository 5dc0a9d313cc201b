// Starts ONNX Runtime from the bytes in the file of weights, so that nothing is fetched, wherever the page lies.

import * as ort from "onnxruntime-web/wasm";

const MAX_THREADS = 8;

/**
 * Sets the runtime up; it starts with the first net.
 * @param {import("../weights/bundle.js").Bundle} bundle
 */
export async function prepareRuntime(bundle) {
  const script = await bundle.part("runtime.mjs");
  const binary = await bundle.part("runtime.wasm");
  const { wasm } = ort.env;
  wasm.wasmBinary = binary.buffer;
  const module = new Blob([/** @type {BlobPart} */ (script)], { type: "text/javascript" });
  wasm.wasmPaths = { mjs: URL.createObjectURL(module) };
  // threads share memory, which a browser allows only where the host isolates the page
  wasm.numThreads = globalThis.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, MAX_THREADS) : 1;
  ort.env.logLevel = "error";
  return ort;
}
