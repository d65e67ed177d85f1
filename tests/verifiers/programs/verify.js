// Judges servers as Node's tls does; see tests/verifiers/stream.py for what it reads and writes.
"use strict";
const fs = require("fs");
const net = require("net");
const readline = require("readline");
const tls = require("tls");

const PATIENCE = 10_000;

function greeting(host, port, name, anchors) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      host,
      port,
      servername: net.isIP(name) ? "" : name,
      ca: fs.readFileSync(anchors),
      checkServerIdentity: (_, certificate) => tls.checkServerIdentity(name, certificate),
    });
    socket.setTimeout(PATIENCE, () => socket.destroy(new Error("timed out")));
    socket.once("data", () => { resolve(); socket.destroy(); });
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed")));
  });
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [id, host, port, name, anchors] = line.split("\t");
    try {
      await greeting(host, Number(port), name, anchors);
      console.log(`${id}\taccepted\t`);
    } catch (error) {
      console.log(`${id}\trejected\t${error.code}: ${error.message.replace(/\s+/g, " ")}`);
    }
  }
}

main();
