// One JSON line per event on standard error: ids only; numbers lose all but their last four digits.

const LEVELS = ["debug", "info", "warning", "error"];

/** @typedef {(level: string, event: string, fields?: Record<string, unknown>) => void} Log */

/** A text with all that may be phone numbers cut down to their last four digits. */
export function masked(text) {
  return text.replace(/\d{6,}/g, (digits) => `…${digits.slice(-4)}`);
}

/**
 * @param {string} lowest the lowest level that is written
 * @returns {Log}
 */
export function openLog(lowest, stream = process.stderr) {
  const from = LEVELS.indexOf(lowest);
  return (level, event, fields = {}) => {
    if (LEVELS.indexOf(level) < from) return;
    const line = { ...fields, event, level, timestamp: new Date().toISOString() };
    stream.write(JSON.stringify(line) + "\n");
  };
}

/**
 * What Baileys may say to our log: its warnings and errors as masked text, at levels of ours (most of its errors are everyday). The objects it hands over hold texts of
 * customers, whole stanzas and keys, so none of them is ever looked at.
 * @param {Log} log
 */
export function baileysLogger(log, instance) {
  const say = (level) => (first, second) => {
    const text = typeof first === "string" ? first : second;
    if (typeof text === "string") log(level, "baileys", { instance, text: masked(text).slice(0, 200) });
  };
  const silent = () => {};
  const logger = { level: "warn", trace: silent, debug: silent, info: silent, warn: say("debug"), error: say("info") };
  return { ...logger, child: () => baileysLogger(log, instance) };
}
