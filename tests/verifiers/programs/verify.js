// Judges servers as Node's tls does; see tests/verifiers/stream.py for what it reads and writes.
"use strict";
const fs = require("fs");
const net = require("net");
const readline = require("readline");
const tls = require("tls");

const ONE_CRL = /-----BEGIN X509 CRL-----[^]*?-----END X509 CRL-----/g;
const PATIENCE = 10_000;

function greeting(host, port, name, anchors, crls) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      host,
      port,
      servername: net.isIP(name) ? "" : name,
      ca: fs.readFileSync(anchors),
      crl: crls ? fs.readFileSync(crls, "ascii").match(ONE_CRL) : undefined,
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
    const [id, host, port, name, anchors, crls] = line.split("\t");
    try {
      await greeting(host, Number(port), name, anchors, crls);
      console.log(`${id}\taccepted\t`);
    } catch (error) {
      console.log(`${id}\trejected\t${error.code}: ${error.message.replace(/\s+/g, " ")}`);
    }
  }
}

main();
