import { Component, type ReactNode } from "react";
import { ErrorFace } from "@/components/FiveFaces";

/** What fails inside stays inside: the other panels go on. `of` changes when there is something new to try. */
export class Boundary extends Component<{ of: unknown; children: ReactNode }, { error: Error | null; of: unknown }> {
  override state: { error: Error | null; of: unknown } = { error: null, of: this.props.of };

  static getDerivedStateFromError(error: Error): { error: Error } {
    return { error };
  }

  static getDerivedStateFromProps(props: { of: unknown }, state: { error: Error | null; of: unknown }): { error: Error | null; of: unknown } | null {
    return props.of === state.of ? null : { error: null, of: props.of };
  }

  override render(): ReactNode {
    return this.state.error ? <ErrorFace error={this.state.error} retry={() => this.setState({ error: null })} /> : this.props.children;
  }
}
