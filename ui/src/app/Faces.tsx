import type { ErrorComponentProps } from "@tanstack/react-router";
import { ApiError } from "@/api/error";
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

/** What browsers say of a chunk that could not be fetched. */
const NOT_FETCHED = /dynamically imported module|preload CSS|module script failed/i;

/** A page that failed while drawing, or could not be fetched: the rest of the app goes on. */
export function PageCrashed({ error, reset }: ErrorComponentProps) {
  if (error instanceof Error && NOT_FETCHED.test(error.message)) {
    const away = new ApiError("load this page", "the server did not answer", { code: "unreachable", hint: "It may be down, or newer than what this tab has: load it again." });
    return (
      <Page title="The server did not answer">
        <ErrorFace error={away} retry={() => window.location.reload()} />
      </Page>
    );
  }
  return (
    <Page title="This page failed">
      <ErrorFace error={error} retry={reset} />
    </Page>
  );
}
