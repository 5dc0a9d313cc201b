// The page: a file is dropped or chosen, decoded by the worker, and shown; a slider decodes it again.

import { Client } from "./client.js";
import { element, say, settings, showInfo, showNotes, showPicture, showSettings } from "./view.js";

/** The worker's script, which the build puts here. @type {string} */
const WORKER_SOURCE = /** @type {any} */ (globalThis).HVAECODEC_WORKER;
const WEIGHTS = "dct-vae-photo.weights";

const client = new Client(WORKER_SOURCE);
/** @type {{name: string, bytes: Promise<Uint8Array>} | null} The file that was chosen last. */
let file = null;
/** Counts how often a file was opened; what a later opening overtook is shown no more. */
let openings = 0;
/** Whether it is one that can be shown. */
let opened = false;
/** Whether its picture is out of date, and whether one is being drawn. */
let stale = false;
let drawing = false;
/** The weights, once they are there. @type {Promise<unknown>} */
let weights = start();

/** Fetches the weights that lie beside the page; a page from disk may not, and asks for them. */
async function start() {
  if (location.protocol === "file:") {
    askForWeights(`Choose ${WEIGHTS}; it lies beside this page.`);
    return new Promise(() => {});
  }
  say("Loading the weights …");
  const answer = await fetch(WEIGHTS).catch(() => null);
  if (!answer?.ok) {
    askForWeights(`${WEIGHTS} is not beside this page; choose it on your disk.`);
    return new Promise(() => {});
  }
  return load(await answer.arrayBuffer());
}

/** @param {string} words */
function askForWeights(words) {
  say(words);
  element("weights-choice", HTMLElement).hidden = false;
}

/** @param {ArrayBuffer} buffer */
async function load(buffer) {
  say("Loading the weights …");
  const about = await client.call("load", new Uint8Array(buffer));
  element("weights-choice", HTMLElement).hidden = true;
  say(`Ready. Weights ${about.bitstream}, generator ${about.newest}.`);
  return about;
}

/** Says in one line what went wrong. @param {unknown} error */
function fail(error) {
  say(`error: ${error instanceof Error ? error.message : error}`, "error");
}

/** @param {File} chosen */
function show(chosen) {
  say(`Reading ${chosen.name} …`);
  file = { name: chosen.name, bytes: chosen.arrayBuffer().then((buffer) => new Uint8Array(buffer)) };
  void open();
}

/** Opens the file with what the checkbox says, and draws it. */
async function open() {
  if (!file) return;
  const opening = ++openings;
  const { bytes } = file;
  opened = false;
  showInfo(null);
  showNotes([]);
  showPicture(null, "");
  try {
    await weights;
    const read = await bytes;
    if (opening !== openings) return;
    say("Checking the file …");
    const info = await client.call("open", read, element("partial", HTMLInputElement).checked);
    if (opening !== openings) return;
    showInfo(info);
  } catch (error) {
    if (opening === openings) fail(error);
    return;
  }
  opened = true;
  await draw();
}

/** Draws the open file with the newest settings; while a picture is drawn, later calls only mark it as stale. */
async function draw() {
  showSettings();
  stale = true;
  if (drawing) return;
  drawing = true;
  while (stale && file && opened) {
    stale = false;
    const opening = openings;
    say("Decoding …");
    try {
      const picture = await client.call("decode", settings());
      if (opening !== openings) continue;
      showPicture(picture, file.name.replace(/\.hvc$/i, "") + ".png");
      showNotes(picture.notes);
      say(`${picture.width} × ${picture.height} pixels in ${picture.seconds.toFixed(2)} s`);
    } catch (error) {
      if (opening !== openings) continue;
      showPicture(null, "");
      fail(error);
    }
  }
  drawing = false;
}

/** @param {DragEvent} event */
function drop(event) {
  event.preventDefault();
  const chosen = event.dataTransfer?.files[0];
  if (chosen?.name.endsWith(".weights")) chooseWeights(chosen);
  else if (chosen) show(chosen);
}

/** @param {File} chosen */
function chooseWeights(chosen) {
  say(`Reading ${chosen.name} …`);
  weights = chosen.arrayBuffer().then(load);
  weights.catch(fail);
  void open();
}

/**
 * @param {string} id
 * @param {(chosen: File) => void} use
 */
function onFile(id, use) {
  const input = element(id, HTMLInputElement);
  input.addEventListener("change", () => {
    if (input.files?.[0]) use(input.files[0]);
    input.value = ""; // so that the same file can be chosen again
  });
}

weights.catch(fail);
onFile("file", show);
onFile("weights", chooseWeights);
element("partial", HTMLInputElement).addEventListener("change", () => void open());
for (const id of ["temperature", "scale", "seed"]) {
  element(id, HTMLInputElement).addEventListener("input", () => (opened ? void draw() : showSettings()));
}
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", drop);
showSettings();
Object.assign(globalThis, { hvaecodec: client }); // for tests, and for who looks at the console
