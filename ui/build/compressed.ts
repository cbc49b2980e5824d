/** Writes `.br` and `.gz` beside every text of the build, so that the server compresses nothing. */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin } from "vite";

const TEXTS = /\.(js|css|html|svg|json)$/;

export function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    writeBundle: {
      sequential: true,
      handler({ dir = "dist/app" }) {
        for (const name of readdirSync(dir, { recursive: true, encoding: "utf8" })) {
          if (!TEXTS.test(name) || name.startsWith(".vite")) continue;
          const text = readFileSync(join(dir, name));
          const brotli = brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: text.length } });
          writeFileSync(join(dir, `${name}.br`), brotli);
          writeFileSync(join(dir, `${name}.gz`), gzipSync(text, { level: 9 }));
        }
      },
    },
  };
}
