// The file of weights that `make web` writes: all that decoding needs besides the page's own scripts, in one file.
//
// It is a safetensors file of bytes, each part compressed with gzip, whose checksum tells a damaged part. The metadata
// say in `bundle` what the parts are.

import { CodecUnavailable } from "../format/errors.js";
import { readSafetensors } from "./safetensors.js";

/**
 * A generator of the bundle. kind: "generator", or what goes on top of `base`: "texture", "perceptual". latents: of its
 * scales, coarse to fine. offsets: how many gains and shifts it has. noise: channels of a texture's maps.
 * @typedef {object} GeneratorEntry
 * @property {string} digest
 * @property {string} kind
 * @property {string} [base]
 * @property {{fold: number, channels: number}[]} [latents]
 * @property {number} [offsets]
 * @property {number} [noise]
 */

/** @typedef {{codec: string, bitstream: string, newest: string, generators: GeneratorEntry[]}} About */

/** A file of weights, its parts inflated when they are asked for. */
export class Bundle {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    const { metadata, tensors } = readSafetensors(bytes, "this file");
    if (!metadata.bundle) {
      throw new CodecUnavailable("this file is not the one that `make web` writes for this page");
    }
    this.tensors = tensors;
    /** @type {About} */
    this.about = JSON.parse(metadata.bundle);
  }

  /**
   * Returns the bytes of a part.
   * @param {string} name
   */
  async part(name) {
    const tensor = this.tensors.get(name);
    if (!tensor) throw new CodecUnavailable(`the file of weights has no ${name}; build it again with \`make web\``);
    const packed = new Blob([/** @type {BlobPart} */ (tensor.data)]).stream();
    try {
      return new Uint8Array(await new Response(packed.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer());
    } catch {
      throw new CodecUnavailable(`${name} in the file of weights is damaged; take the file anew from where it came`);
    }
  }
}
