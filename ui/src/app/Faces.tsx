import type { ErrorComponentProps } from "@tanstack/react-router";
import { Empty, ErrorFace } from "@/components/FiveFaces";
import { Go } from "@/components/location/Go";
import { Page } from "@/components/Page";
import { usePath } from "@/components/location/useSearch";

export function NotFound() {
  const path = usePath();
  return (
    <Page title="No such page">
      <Empty actions={<Go className="btn" to="/">Overview</Go>}>Nothing is at {path}. <kbd>Ctrl K</kbd> finds services, SLOs, alerts and traces.</Empty>
    </Page>
  );
}

/** A page that failed while drawing: the rest of the app goes on. */
export function PageCrashed({ error, reset }: ErrorComponentProps) {
  return (
    <Page title="This page failed">
      <ErrorFace error={error} retry={reset} />
    </Page>
  );
}
