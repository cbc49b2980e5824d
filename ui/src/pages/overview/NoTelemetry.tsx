import { useState } from "react";
import { otlpPorts, useStatus } from "@/api/status";
import { copy } from "@/components/CopyAs";
import { Empty } from "@/components/FiveFaces";
import { Choice } from "@/components/Tabs";
import styles from "./overview.module.css";

const OTLP = "OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:$PORT OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf OTEL_SERVICE_NAME=my-service";
const SNIPPETS = {
  python: { label: "Python", text: `pip install opentelemetry-distro opentelemetry-exporter-otlp && opentelemetry-bootstrap -a install\n${OTLP} opentelemetry-instrument python app.py` },
  java: { label: "Java", text: `curl -LO https://github.com/open-telemetry/opentelemetry-java-instrumentation/releases/latest/download/opentelemetry-javaagent.jar\n${OTLP} java -javaagent:opentelemetry-javaagent.jar -jar app.jar` },
  node: { label: "Node.js", text: `npm install @opentelemetry/api @opentelemetry/auto-instrumentations-node\n${OTLP} node --require @opentelemetry/auto-instrumentations-node/register app.js` },
  collector: { label: "Collector", text: "exporters:\n  otlphttp/binnacle: {endpoint: http://localhost:$PORT}\nservice:\n  pipelines:\n    traces: {receivers: [otlp], exporters: [otlphttp/binnacle]}\n    logs: {receivers: [otlp], exporters: [otlphttp/binnacle]}\n    metrics: {receivers: [otlp], exporters: [otlphttp/binnacle]}" },
} as const;
type Language = keyof typeof SNIPPETS;

/** Before anything has come: how to send it. The page turns up by itself with the first span. */
export function NoTelemetry() {
  const [language, setLanguage] = useState<Language>("python");
  const [copied, setCopied] = useState(false);
  const ports = otlpPorts(useStatus().data);
  const text = SNIPPETS[language].text.replaceAll("$PORT", ports.http);
  return (
    <Empty title="No service in this range.">
      <p>Send OTLP to port {ports.grpc} (gRPC) or {ports.http} (HTTP), or choose a longer range above. This page turns up by itself with the first span. To look around first: <code>binnacle demo</code> runs a shop to watch.</p>
      <div className="stack" style={{ marginTop: 12 }}>
        <Choice label="Language" options={(Object.keys(SNIPPETS) as Language[]).map((id) => ({ id, label: SNIPPETS[id].label }))} value={language} onChange={setLanguage} />
        <div className={styles.snippet}>
          <pre tabIndex={0} aria-label={`To send from ${SNIPPETS[language].label}`}>{text}</pre>
          <button type="button" className="btn" onClick={() => void copy(text).then(setCopied)}>{copied ? "Copied" : "Copy"}</button>
        </div>
      </div>
    </Empty>
  );
}
