// Assembles `src/kernel.wat`: WebAssembly's text form to the bytes that a browser takes.
import { readFile } from "node:fs/promises";
import wabt from "wabt";

/**
 * The kernel's bytes.
 * @returns {Promise<Uint8Array>}
 */
export async function assembleKernel() {
  const { parseWat } = await wabt();
  const path = new URL("src/kernel.wat", import.meta.url);
  const module = parseWat("kernel.wat", await readFile(path, "utf8"), { simd: true });
  try {
    module.validate();
    return module.toBinary({}).buffer;
  } finally {
    module.destroy();
  }
}
