// How a test talks to a Node program: one JSON value a line.
//   in   {"id": 7, "do": "queue", ...}
//   out  {"id": 7, "result": ...}  or  {"id": 7, "error": "..."}   the answer, in any order
//   out  {"event": "started", ...}                                 something happened
import { createInterface } from "node:readline";

export function tell(line) {
  process.stdout.write(JSON.stringify(line) + "\n");
}

// Calls commands[do](line) for each line; at the end of the input calls `close` and ends the process.
export function serve(commands, close) {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", async (text) => {
    const { id, do: name, ...fields } = JSON.parse(text);
    try {
      if (!Object.hasOwn(commands, name)) throw new Error(`this program has no command ${name}`);
      tell({ id, result: (await commands[name](fields)) ?? null });
    } catch (error) {
      tell({ id, error: error.message ?? String(error) });
    }
  });
  lines.on("close", async () => {
    await close();
    process.exit(0);
  });
}
