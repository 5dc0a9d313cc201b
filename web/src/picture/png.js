// A picture with its metadata as a PNG. A canvas would lose the colours below alpha, the profile and the EXIF.

import { predicted } from "../format/alpha_plane.js";
import { crc32 } from "../format/crc32.js";

/** @typedef {import("./pixels.js").Picture} Picture */

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const COLOUR_TYPES = [0, 4, 2, 6]; // by channels: grey, grey and alpha, RGB, RGB and alpha
const PAETH = 4;

/**
 * Writes a PNG.
 * @param {Picture} picture
 * @param {Uint8Array | null} icc The profile of its colours.
 * @param {Uint8Array | null} exif
 */
export async function writePng(picture, icc, exif) {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, picture.width);
  view.setUint32(4, picture.height);
  header.set([8, COLOUR_TYPES[picture.channels - 1], 0, 0, 0], 8);
  const parts = [SIGNATURE, chunk("IHDR", header)];
  if (icc) parts.push(chunk("iCCP", join([letters("ICC Profile\0\0"), await deflate(icc)])));
  if (exif) parts.push(chunk("eXIf", exif));
  parts.push(chunk("IDAT", await deflate(filtered(picture))), chunk("IEND", new Uint8Array(0)));
  return new Blob(parts.map((part) => /** @type {BlobPart} */ (part)), { type: "image/png" });
}

/**
 * The rows of a picture, each less what its neighbours predict.
 * @param {Picture} picture
 */
function filtered({ pixels, width, height, channels }) {
  const row = width * channels;
  const out = new Uint8Array(height * (row + 1));
  for (let r = 0, to = 0; r < height; r++) {
    out[to++] = PAETH;
    for (let i = 0, at = r * row; i < row; i++, at++) {
      const left = i < channels ? 0 : pixels[at - channels];
      const above = r ? pixels[at - row] : 0;
      const corner = r && i >= channels ? pixels[at - row - channels] : 0;
      out[to++] = pixels[at] - predicted(PAETH, left, above, corner);
    }
  }
  return out;
}

/**
 * @param {string} kind
 * @param {Uint8Array} body
 */
function chunk(kind, body) {
  const bytes = join([new Uint8Array(4), letters(kind), body, new Uint8Array(4)]);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, body.length);
  view.setUint32(bytes.length - 4, crc32(bytes.subarray(4, -4)));
  return bytes;
}

/** @param {Uint8Array} bytes */
async function deflate(bytes) {
  const stream = new Blob([/** @type {BlobPart} */ (bytes)]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** @param {string} text */
function letters(text) {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/** @param {Uint8Array[]} parts */
function join(parts) {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
