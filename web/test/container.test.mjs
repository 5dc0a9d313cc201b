import assert from "node:assert/strict";
import { test } from "node:test";
import { unpack } from "../src/format/container.js";
import { crc32 } from "../src/format/crc32.js";
import { describe } from "../src/format/file_info.js";

const word = (value) => [0, 8, 16, 24].map((bits) => (value >>> bits) & 255);

/** A file by hand, from docs/FORMAT.md: 300 x 5 pixels, RGB, six levels of one byte each. Its checksums are right. */
function makeFile(height = [0xac, 0x02], lastLevel = 6) {
  const levels = [1, 2, 3, 4, 5, 6].map((byte) => Uint8Array.of(byte));
  const header = [0x48, 0x56, 0x43, 0x11, (6 << 3) | 2, 1, 2, 3, 4, 5, 6, ...height, 5, 0x20, 0x01];
  for (const level of levels) header.push(1, ...word(crc32(level)));
  header.push(...word(crc32(Uint8Array.from(header))));
  const body = [...header, ...levels.slice(0, 5).flatMap((level) => Array.from(level)), lastLevel];
  return Uint8Array.from([...body, ...word(crc32(Uint8Array.from(body)))]);
}

test("a file by hand is taken apart", () => {
  const container = unpack(makeFile(), false);
  assert.deepEqual(container.header, {
    codec: "dct-vae-photo",
    mode: "RGB",
    height: 300,
    width: 5,
    stepIndex: 0x120,
    weights: "01020304",
    generator: "0506",
  });
  assert.deepEqual(container.levels.map((level) => level[0]), [1, 2, 3, 4, 5, 6]);
  const info = describe(makeFile().length, container);
  assert.equal(info.quality, 37);
  assert.equal(info.framing_bytes, 54);
});

test("every cut and every flipped bit is refused in one line", () => {
  const file = makeFile();
  for (let end = 0; end < file.length; end++) assert.throws(() => unpack(file.slice(0, end), false), isOneLine);
  for (let bit = 0; bit < 8 * file.length; bit++) {
    const changed = file.slice();
    changed[bit >> 3] ^= 1 << (bit & 7);
    assert.throws(() => unpack(changed, false), isOneLine);
  }
});

test("right checksums around what is wrong do not help", () => {
  assert.throws(() => unpack(makeFile([0xac, 0x82, 0]), false), /height at offset 11 is not in its shortest form/);
  assert.throws(() => unpack(makeFile([0xff, 0xff, 0x04]), false), /height at offset 11 is above the limit of 65535/);
  assert.throws(() => unpack(makeFile([0]), false), /picture of 0 x 5 pixels/);
  assert.throws(() => unpack(makeFile(undefined, 7), false), /level 5 checksum is/);
});

test("a cut file has its complete levels, if it is to be accepted", () => {
  const file = makeFile();
  for (let lost = 4; lost < 10; lost++) {
    assert.equal(unpack(file.slice(0, file.length - lost), true).levels.length, 10 - lost);
  }
  const lost = file.slice(0, file.length - 10);
  assert.throws(() => unpack(lost, true), /level 0 needs 1 bytes at offset 50, only 0 remain/);
});

function isOneLine(error) {
  const names = ["NotThisFormat", "CorruptFile", "UnsupportedVersion", "CodecUnavailable"];
  return names.includes(error.name) && !error.message.includes("\n");
}
