// The whole way from a file to its picture, in the order of the Python package: `DctVaeCodec.decode`.

import { decodeAlpha } from "./format/alpha_plane.js";
import { unpack } from "./format/container.js";
import { uprightBlock } from "./format/exif_block.js";
import { checkWeights, describe } from "./format/file_info.js";
import { ALPHA, EXIF, ICC, readStreamTable } from "./format/header.js";
import { refuseAbove } from "./format/limits.js";
import { Kernel } from "./kernel.js";
import { dequantise } from "./picture/dequantise.js";
import { Drawer } from "./picture/drawer.js";
import { assemble, emptyPicture, putRounded, shrink } from "./picture/pixels.js";
import { NONE } from "./prior/adaptation.js";
import { Bitstream } from "./prior/bitstream.js";
import { TILE } from "./prior/layout.js";
import { decodeContext } from "./prior/slices.js";
import { Generators } from "./weights/generators.js";
import { readSafetensors } from "./weights/safetensors.js";

/** @typedef {import("./format/container.js").Container} Container */
/** @typedef {import("./picture/net.js").Runtime} Runtime */
/** @typedef {import("./picture/pixels.js").Picture} Picture */
/** @typedef {import("./prior/slices.js").Context} Context */
/** @typedef {import("./weights/bundle.js").Bundle} Bundle */

/**
 * How a file is decoded. temperature: 0..2. size: pixels that a side of 32 is to have, 32, 16, 8, 4, 2 or 1.
 * @typedef {{temperature: number, seed: bigint, size: number}} Settings
 */

/**
 * A decoded picture, its metadata, and what there is to say of it, a line each.
 * @typedef {{picture: Picture, icc: Uint8Array | null, exif: Uint8Array | null, notes: string[]}} Decoded
 */

/** Decodes files with one file of weights. */
export class Decoder {
  /**
   * @param {Bundle} bundle
   * @param {Bitstream} bitstream
   * @param {Generators} generators
   */
  constructor(bundle, bitstream, generators) {
    this.bundle = bundle;
    this.bitstream = bitstream;
    this.generators = generators;
  }

  /**
   * Loads what decoding needs; the nets load later.
   * @param {Bundle} bundle
   * @param {Runtime} runtime
   */
  static async load(bundle, runtime) {
    const kernel = await Kernel.start(await bundle.part("kernel"));
    const { tensors } = readSafetensors(await bundle.part("bitstream"), "the bitstream weights");
    return new Decoder(bundle, new Bitstream(kernel, tensors), new Generators(kernel, bundle, runtime));
  }

  /**
   * Checks all of a file that can be checked before anything of it is decoded.
   * @param {Uint8Array} data
   * @param {boolean} partial Accept a file that is cut after its coarsest level.
   */
  async open(data, partial) {
    const { header } = readStreamTable(data);
    refuseAbove(header.height, header.width);
    const container = unpack(data, partial);
    const plane = container.extras.get(ALPHA);
    const alpha = plane ? await decodeAlpha(plane, header) : null;
    return new OpenFile(this, container, alpha, describe(data.length, container));
  }
}

/** A file whose container is sound. Symbols and pictures that were decoded are kept for other settings. */
export class OpenFile {
  /**
   * @param {Decoder} decoder
   * @param {Container} container
   * @param {Uint8Array | null} alpha
   * @param {ReturnType<typeof describe>} info
   */
  constructor(decoder, container, alpha, info) {
    this.decoder = decoder;
    this.container = container;
    this.alpha = alpha;
    this.info = info;
    /** @type {{context: Context, nLevels: number} | null} */
    this.decoded = null;
    /** @type {Drawer | null} */
    this.drawer = null;
  }

  /**
   * Returns the context of so many levels, or of more where they were decoded before.
   * @param {number} nLevels
   */
  context(nLevels) {
    if (!this.decoded || this.decoded.nLevels < nLevels) {
      const { header, levels } = this.container;
      const context = decodeContext(this.decoder.bitstream, header, levels.slice(0, nLevels));
      this.decoded = { context, nLevels };
    }
    return this.decoded.context;
  }

  /**
   * Decodes the picture, as far as the settings need it.
   * @param {Settings} settings
   * @returns {Promise<Decoded>}
   */
  async decode({ temperature, seed, size }) {
    checkWeights(this.container, this.decoder.bundle.about.bitstream);
    const { header, extras, levels, levelLengths, truncated } = this.container;
    const nLevels = 1 + Math.log2(size);
    const notes = [];
    if (truncated && levels.length < nLevels) {
      const all = levelLengths.length;
      notes.push(`the file is cut: ${levels.length} of ${all} levels decoded, finer detail is left out`);
    }
    const context = this.context(nLevels);
    const rgb = size === TILE ? await this.#draw(context, temperature, seed, notes) : this.#thumbnail(context, size);
    const exif = extras.get(EXIF);
    const whole = { height: header.height, width: header.width };
    const smaller = { height: Math.ceil((whole.height * size) / TILE), width: Math.ceil((whole.width * size) / TILE) };
    const alpha = this.alpha && size < TILE ? shrink(this.alpha, whole, smaller) : this.alpha;
    const picture = assemble(rgb, header.mode, smaller, alpha);
    return { picture, icc: extras.get(ICC) ?? null, exif: exif ? uprightBlock(exif) : null, notes };
  }

  /**
   * @param {Context} context
   * @param {number} temperature
   * @param {bigint} seed
   * @param {string[]} notes
   */
  async #draw(context, temperature, seed, notes) {
    const { generators } = this.decoder;
    const named = this.container.header.generator;
    const { digest, note } = generators.choose(named);
    if (note) notes.push(note);
    if (!this.drawer) {
      const own = { ...context };
      if (generators.base(digest) !== generators.base(named)) own.adaptation = NONE; // it says nothing to another net
      this.drawer = new Drawer(await generators.drawing(digest), own, this.#steps());
    }
    return this.drawer.draw(temperature, seed);
  }

  /**
   * @param {Context} context
   * @param {number} size
   */
  #thumbnail(context, size) {
    const { rows, columns } = context;
    const planes = dequantise(context, { top: 0, left: 0, rows, columns }, this.#steps(), size);
    const [height, width] = [rows * size, columns * size];
    const picture = emptyPicture(height, width, 3);
    putRounded(planes, { height, width, top: 0, left: 0, rows: height, columns: width }, picture, { top: 0, left: 0 });
    return picture;
  }

  #steps() {
    const { bitstream } = this.decoder;
    return { delta: bitstream.array("delta")[this.container.header.stepIndex], s: bitstream.array("S") };
  }
}
