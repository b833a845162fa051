// Ends with status 1 unless AsyncAPI's own parser takes the document it is given: node accept.mjs asyncapi.json

import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";

// 3.1 adds nothing that Kafka needs, and more tools read 3.0.
const PASSED_OVER = new Set(["asyncapi-latest-version"]);

const { document, diagnostics } = await new Parser().parse(await readFile(process.argv[2], "utf8"));
const objections = diagnostics.filter(({ code }) => !PASSED_OVER.has(code));
for (const { code, message, path } of objections) {
  console.error(`${path.join(".")}: ${message} (${code})`);
}
process.exitCode = document && objections.length === 0 ? 0 : 1;
