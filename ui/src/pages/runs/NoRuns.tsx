/** How a run gets here: by our own tool, or from what another one prints. */

import { CopyButton } from "@/components/CopyButton";
import styles from "./runs.module.css";

const server = () => window.location.origin;
const OWN = () => `binnacle load http://127.0.0.1:8080/products --rate 200 --duration 60s --threshold 'p99<250ms' --threshold 'errors<1%' --register ${server()}`;
const K6 = () => `k6 run --summary-trend-stats 'med,p(90),p(95),p(99),p(99.9),max' --summary-export k6.json test.js
jq '.metrics | .http_req_duration as $ms | .http_reqs as {count: $n, rate: $rate} | {name: "checkout", tool: "k6", version: "3.10.0", corrected: false,
  services: ["gateway"], started_at: (now - $n / $rate | floor | todate), ended_at: (now | floor | todate),
  total: {requests: $n, achieved_rate: $rate, errors: ($n * .http_req_failed.value | round),
    latency: {percentiles: [[50, "med"], [90, "p(90)"], [95, "p(95)"], [99, "p(99)"], [99.9, "p(99.9)"], [100, "max"]] | map([.[0], ($ms[.[1]] * 1e6 | round)])}}}' k6.json |
  curl -s ${server()}/api/v1/runs -H 'Content-Type: application/json' --data @-`;
const iso = (secondsAgo: number) => `${new Date(Date.now() - secondsAgo * 1000).toISOString().slice(0, 19)}Z`;
const WRK = () => `curl -s ${server()}/api/v1/runs -H 'Content-Type: application/json' --data '{
  "name": "checkout", "tool": "wrk2", "version": "3.10.0", "started_at": "${iso(300)}", "ended_at": "${iso(0)}", "corrected": true, "services": ["gateway"],
  "total": {"requests": 60000, "errors": 12, "intended_rate": 200, "achieved_rate": 199.9,
    "latency": {"percentiles": [[50, 61000000], [90, 128000000], [99, 241000000], [99.9, 410000000], [100, 902000000]]}}
}'`;

export function NoRuns({ isFirst = true }: { isFirst?: boolean }) {
  return (
    <div className={styles.none}>
      <p>{isFirst && <b>No load test is registered yet. </b>}<span className="dim">A run is what a load generator measured, sent here once: then it can be compared with others, and with what the services saw of it.</span></p>
      <Way title="With Binnacle’s own generator, which keeps a schedule and sends whole histograms" text={OWN} />
      <Way title="From k6" text={K6} />
      <Way title="From wrk2, or anything that prints percentiles (nanoseconds)" text={WRK} />
      <p className="dim">Whole histograms (<code>latency.buckets</code>) give every percentile and how sure it is; percentiles alone give those. <a href="/api/v1/openapi.json">The API’s description</a> has all fields.</p>
    </div>
  );
}

function Way({ title, text }: { title: string; text: () => string }) {
  return (
    <section>
      <h3>{title}</h3>
      <div className={styles.paste}>
        <pre tabIndex={0} aria-label={title}>{text()}</pre>
        <CopyButton label="Copy" text={text} />
      </div>
    </section>
  );
}
