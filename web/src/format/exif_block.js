// The EXIF block of a file: the pixels are upright, so a reader takes any orientation for 1. docs/FORMAT.md, "Extra
// streams".

const ORIENTATION = 0x0112;
/** @type {Record<number, number>} Bytes of the types of tags: BYTE, SHORT, LONG. */
const INTEGERS = { 1: 1, 3: 2, 4: 4 };

/**
 * Returns an EXIF block with orientation 1, as far as it can be read; null if it is not EXIF.
 * @param {Uint8Array} block
 */
export function uprightBlock(block) {
  const prefixed = startsWith(block, "Exif\0\0");
  const own = block.slice(prefixed ? 6 : 0);
  const little = startsWith(own, "II*\0");
  if (!little && !startsWith(own, "MM\0*")) return null;
  const view = new DataView(own.buffer);
  try {
    const directory = view.getUint32(4, little);
    const nTags = view.getUint16(directory, little);
    for (let i = 0; i < nTags; i++) setUpright(view, directory + 2 + 12 * i, little);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // the block ends too soon
  }
  return own;
}

/**
 * Sets a tag's value to 1 if it is an orientation. Throws RangeError where the block ends too soon.
 * @param {DataView} view
 * @param {number} at
 * @param {boolean} little
 */
function setUpright(view, at, little) {
  const number = view.getUint16(at, little);
  const bytes = INTEGERS[view.getUint16(at + 2, little)];
  const nValues = view.getUint32(at + 4, little);
  view.getUint32(at + 8, little);
  if (number !== ORIENTATION || nValues !== 1 || !bytes) return;
  for (let i = 0; i < bytes; i++) view.setUint8(at + 8 + i, i === (little ? 0 : bytes - 1) ? 1 : 0);
}

/**
 * @param {Uint8Array} bytes
 * @param {string} text
 */
function startsWith(bytes, text) {
  return Array.from(text).every((letter, i) => bytes[i] === letter.charCodeAt(0));
}
