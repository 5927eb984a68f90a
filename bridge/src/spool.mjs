// A queue of JSON lines on disk: what could not be handed on yet survives us, in order.
import { mkdir, open, readFile, writeFile } from "node:fs/promises";
import path from "node:path";

const CHUNK_BYTES = 1024 * 1024;

export class Spool {
  #file;
  #name;
  #begin = 0; // where the first line lies that was not handed on
  #end = 0;
  #turn = Promise.resolve(); // one change at a time
  count = 0;

  /**
   * Opens the file, and whatever an earlier process left in it.
   * @param {string} name path of the file; beside it lies NAME.begin
   * @param {number} [mostBytes] what does not fit is refused
   */
  static async open(name, mostBytes = Infinity) {
    await mkdir(path.dirname(name), { recursive: true, mode: 0o700 });
    const spool = new Spool();
    spool.#name = name;
    spool.mostBytes = mostBytes;
    spool.#file = await open(name, "a+", 0o600);
    const content = await readFile(name);
    // A crash tears the last line at most: it was never acknowledged to anybody.
    spool.#end = content.lastIndexOf(10) + 1;
    await spool.#file.truncate(spool.#end);
    spool.#begin = Number(await readFile(`${name}.begin`, "utf8").catch(() => "0")) || 0;
    if (spool.#begin > spool.#end) spool.#begin = 0;
    for (let at = spool.#begin; at < spool.#end; at += 1) if (content[at] === 10) spool.count += 1;
    return spool;
  }

  /**
   * Writes these values behind the others; when it returns, they are on the disk.
   * @param {unknown[]} values
   * @returns {Promise<boolean>} false when there is no room
   */
  append(values) {
    return this.#alone(async () => {
      const lines = Buffer.from(values.map((value) => JSON.stringify(value) + "\n").join(""));
      if (this.#end - this.#begin + lines.length > this.mostBytes) return false;
      await this.#file.appendFile(lines);
      await this.#file.datasync();
      this.#end += lines.length;
      this.count += values.length;
      return true;
    });
  }

  /**
   * The first values, at most `most`, and what to give to `drop` when they were handed on; lines that are broken are left out.
   * @returns {Promise<{values: any[], next: number, lines: number}>}
   */
  first(most) {
    return this.#alone(async () => {
      const left = this.#end - this.#begin;
      let buffer = Buffer.alloc(0);
      // At least one whole line, however long it is.
      for (let bytes = CHUNK_BYTES; buffer.length < left && !buffer.includes(10); bytes *= 2) {
        buffer = Buffer.alloc(Math.min(bytes, left));
        await this.#file.read(buffer, 0, buffer.length, this.#begin);
      }
      const values = [];
      let [from, lines] = [0, 0];
      for (; lines < most; lines += 1) {
        const end = buffer.indexOf(10, from);
        if (end < 0) break;
        try {
          values.push(JSON.parse(buffer.toString("utf8", from, end)));
        } catch {
          // Written half by a disk that lied; the next ones are whole.
        }
        from = end + 1;
      }
      return { values, next: this.#begin + from, lines };
    });
  }

  /** Forgets what came before `next`, which `first` gave. */
  drop({ next, lines }) {
    return this.#alone(async () => {
      this.count -= lines;
      this.#begin = next;
      if (next >= this.#end) {
        // Emptied before the place is forgotten: a crash in between leaves a place behind the end, which counts as none.
        await this.#file.truncate(0);
        this.#begin = this.#end = 0;
      }
      await writeFile(`${this.#name}.begin`, String(this.#begin), { mode: 0o600 });
    });
  }

  async close() {
    await this.#turn;
    await this.#file.close();
  }

  #alone(work) {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }
}
