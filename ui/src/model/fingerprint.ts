/** An alert's fingerprint, as the server and every receiver has it: FNV-1a, 64 bits, over names and values in order. */

const PRIME = 1_099_511_628_211n;
const MASK = (1n << 64n) - 1n;

export function fingerprint(labels: Readonly<Record<string, string>>): string {
  let hash = 14_695_981_039_346_656_037n;
  const text = new TextEncoder();
  const bytewise = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  for (const name of Object.keys(labels).sort(bytewise)) {
    for (const part of [name, labels[name] ?? ""]) {
      for (const byte of [...text.encode(part), 0xff]) hash = ((hash ^ BigInt(byte)) * PRIME) & MASK;
    }
  }
  return hash.toString(16).padStart(16, "0");
}
