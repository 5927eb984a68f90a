// The bridge as a process: `node src/main.mjs`, ended by SIGTERM or SIGINT. When it listens, it prints {"url": …}.
import { openLog } from "./logs.mjs";
import { BadSettings, readSettings } from "./settings.mjs";

// Baileys' Signal library prints whole sessions, with their private keys, to the console.
for (const name of ["log", "info", "warn", "error", "debug", "trace", "dir"]) console[name] = () => {};

const STOP_MS = 24_000; // below the 25 s that our other processes are given
const BAD_SETTINGS = 2;

try {
  const settings = readSettings(process.env);
  const log = openLog(settings.level);
  process.on("unhandledRejection", (error) => log("error", "bridge.unhandled", { why: error?.name ?? typeof error }));
  // Here, because Baileys takes a second to load, and wrong settings are told at once.
  const { startBridge } = await import("./bridge.mjs");
  const bridge = await startBridge(settings, log);
  process.stdout.write(JSON.stringify({ url: bridge.url }) + "\n");
  let isStopping = false;
  const stop = async () => {
    if (isStopping) return;
    isStopping = true;
    setTimeout(() => process.exit(1), STOP_MS).unref();
    await bridge.stop();
    process.exit(0);
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
} catch (error) {
  if (error instanceof BadSettings) for (const problem of error.problems) process.stderr.write(`${problem}\n`);
  else process.stderr.write(`the bridge could not start: ${error.code ?? error.name}\n`);
  process.exit(error instanceof BadSettings ? BAD_SETTINGS : 1);
}
