// The fake WhatsApp as a process: `node fake-whatsapp/cli.mjs [--port N] [--control-port N] [--scan ID…]`.
// It prints one JSON line: {"url", "root"} for OXYQ_BRIDGE_WHATSAPP_URL and _ROOT, and "control", where it is told what
// happens. With --scan it links these instances of a bridge by itself (OXYQ_BRIDGE_KEY, and the bridge's address in
// OXYQ_BRIDGE_URL), as somebody with a phone in the hand would.
import { parseArgs } from "node:util";

// Baileys' Signal library prints whole sessions to the console.
for (const name of ["log", "info", "warn", "error", "debug", "trace", "dir"]) console[name] = () => {};

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    "control-port": { type: "string", default: "0" },
    scan: { type: "string", multiple: true, default: [] },
  },
});
const { FakeWhatsApp } = await import("./whatsapp.mjs");
const { serveControl } = await import("./control.mjs");
const { keepLinked } = await import("./keep_linked.mjs");

const whatsapp = new FakeWhatsApp();
const url = await whatsapp.listen(Number(values.port));
const control = await serveControl(whatsapp, Number(values["control-port"]));
process.stdout.write(JSON.stringify({ url, root: whatsapp.root, control: control.url }) + "\n");
if (values.scan.length) keepLinked(whatsapp, values.scan, process.env);

const stop = async () => {
  control.server.close();
  await whatsapp.close();
  process.exit(0);
};
process.on("SIGTERM", stop);
process.on("SIGINT", stop);
