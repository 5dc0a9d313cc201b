// The alpha plane of a file: an 8-bit grey PNG, of which every byte counts. docs/FORMAT.md, "Extra streams".

import { crc32 } from "./crc32.js";
import { CorruptFile } from "./errors.js";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const FORM = [8, 0, 0, 0, 0]; // depth, colour type (grey), compression, filters, no interlace

/** @typedef {{height: number, width: number}} Size */

/**
 * Decodes an alpha plane of a size; throws CorruptFile for anything but such a plane.
 * @param {Uint8Array} data
 * @param {Size} size
 */
export async function decodeAlpha(data, size) {
  try {
    const stream = pixelStream(data, size);
    return unfilter(await inflate(stream, size.height * (size.width + 1)), size);
  } catch (error) {
    if (error instanceof Refusal) throw new CorruptFile(`cannot read the alpha stream: ${error.message}`);
    throw error;
  }
}

/** Why a stream is no alpha plane. */
class Refusal extends Error {}

/**
 * Returns the compressed rows of a PNG that holds nothing else.
 * @param {Uint8Array} data
 * @param {Size} size
 */
function pixelStream(data, size) {
  if (!SIGNATURE.every((byte, i) => data[i] === byte)) throw new Refusal("it is no PNG");
  const chunks = chunksOf(data);
  const [first, last, inner] = [chunks[0], chunks[chunks.length - 1], chunks.slice(1, -1)];
  if (first.kind !== "IHDR" || !inner.length || inner.some(({ kind }) => kind !== "IDAT")) {
    throw new Refusal("its chunks are not IHDR, IDAT and IEND alone");
  }
  if (last.end !== data.length) throw new Refusal(`${data.length - last.end} bytes follow its IEND chunk`);
  if (first.body.length !== 13 || last.body.length || inner.some(({ body }) => !body.length)) {
    throw new Refusal("one of its chunks has a length that an encoder does not write");
  }
  const view = new DataView(first.body.buffer, first.body.byteOffset);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  if (height !== size.height || width !== size.width) {
    throw new CorruptFile(`alpha is ${height} x ${width} pixels, expected ${size.height} x ${size.width}`);
  }
  if (!FORM.every((value, i) => first.body[8 + i] === value)) {
    throw new Refusal("it is not 8-bit grey without interlace");
  }
  return new Blob(inner.map(({ body }) => /** @type {BlobPart} */ (body))).stream();
}

/** @typedef {{kind: string, body: Uint8Array, end: number}} Chunk */

/**
 * Returns the chunks of a PNG up to IEND, each checked against its own checksum.
 * @param {Uint8Array} data
 */
function chunksOf(data) {
  /** @type {Chunk[]} */
  const chunks = [];
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  for (let at = SIGNATURE.length; chunks[chunks.length - 1]?.kind !== "IEND"; at = chunks[chunks.length - 1].end) {
    if (at + 12 > data.length) {
      throw new Refusal(`the PNG ends at ${data.length} bytes, before its IEND chunk; it is truncated`);
    }
    const kind = String.fromCharCode(...data.subarray(at + 4, at + 8));
    const end = at + 12 + view.getUint32(at);
    const name = kind.replace(/[^\x20-\x7e]/g, (letter) => `\\x${letter.charCodeAt(0).toString(16).padStart(2, "0")}`);
    if (end > data.length) {
      throw new Refusal(`PNG chunk ${name} at offset ${at} needs ${end - data.length} bytes more`);
    }
    if (crc32(data.subarray(at + 4, end - 4)) !== view.getUint32(end - 4)) {
      throw new Refusal(`PNG chunk ${name} at offset ${at} does not fit its checksum; it was changed`);
    }
    chunks.push({ kind, body: data.subarray(at + 8, end - 4), end });
  }
  return chunks;
}

/**
 * Inflates a stream to exactly so many bytes; no more than that is ever kept.
 * @param {ReadableStream} stream
 * @param {number} expected
 */
async function inflate(stream, expected) {
  const bytes = new Uint8Array(expected);
  let at = 0;
  const reader = stream.pipeThrough(new DecompressionStream("deflate")).getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      if (at + part.value.length > expected) throw new Refusal("its pixels do not end where the plane does");
      bytes.set(part.value, at);
      at += part.value.length;
    }
  } catch (error) {
    await reader.cancel().catch(() => {});
    if (error instanceof Refusal) throw error;
    throw new Refusal(at < expected ? "its pixels end too soon" : "bytes follow its pixels");
  }
  if (at < expected) throw new Refusal("its pixels end too soon");
  return bytes;
}

/**
 * Undoes the filters of rows.
 * @param {Uint8Array} rows Each a filter and its bytes.
 * @param {Size} size
 */
function unfilter(rows, { height, width }) {
  const plane = new Uint8Array(height * width);
  for (let r = 0; r < height; r++) {
    const filter = rows[r * (width + 1)];
    if (filter > 4) throw new Refusal("a row has a filter that there is not");
    for (let c = 0; c < width; c++) {
      const at = r * width + c;
      const left = c ? plane[at - 1] : 0;
      const above = r ? plane[at - width] : 0;
      const corner = c && r ? plane[at - width - 1] : 0;
      plane[at] = rows[r * (width + 1) + 1 + c] + predicted(filter, left, above, corner);
    }
  }
  return plane;
}

/**
 * What a filter of PNG subtracts from a byte.
 * @param {number} filter
 * @param {number} left
 * @param {number} above
 * @param {number} corner
 */
export function predicted(filter, left, above, corner) {
  switch (filter) {
    case 1:
      return left;
    case 2:
      return above;
    case 3:
      return (left + above) >> 1;
    case 4: {
      const [a, b, c] = [Math.abs(above - corner), Math.abs(left - corner), Math.abs(left + above - 2 * corner)];
      return a <= b && a <= c ? left : b <= c ? above : corner;
    }
    default:
      return 0;
  }
}
