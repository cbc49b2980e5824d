/** What opens over the page: popover, menu, dialog, tooltip, select. Focus returns when a layer closes. */

import { Dialog as BaseDialog } from "@base-ui/react/dialog";
import { Menu as BaseMenu } from "@base-ui/react/menu";
import { Popover as BasePopover } from "@base-ui/react/popover";
import { Select as BaseSelect } from "@base-ui/react/select";
import { Tooltip as BaseTooltip } from "@base-ui/react/tooltip";
import { Check, ChevronDown, X } from "lucide-react";
import { type ReactElement, type ReactNode, useEffect, useRef, useState } from "react";
import styles from "./layers.module.css";

type Open = { open?: boolean; onOpenChange?: (open: boolean) => void };

/** `trigger` is a button element; it gets the handlers. */
export function Popover({ trigger, label, children, align = "start", ...rest }: Open & { trigger: ReactElement; label: string; children: ReactNode; align?: "start" | "center" | "end" }) {
  return (
    <BasePopover.Root {...rest}>
      <BasePopover.Trigger render={trigger} />
      <BasePopover.Portal>
        <BasePopover.Positioner sideOffset={6} align={align} className={styles.positioner}>
          <BasePopover.Popup className={`layer ${styles.popover}`} aria-label={label}>{children}</BasePopover.Popup>
        </BasePopover.Positioner>
      </BasePopover.Portal>
    </BasePopover.Root>
  );
}

export interface MenuItem {
  label: ReactNode;
  onSelect: () => void;
  disabled?: boolean;
  hint?: ReactNode;
}

export function Menu({ trigger, items, align = "end" }: { trigger: ReactElement; items: MenuItem[]; align?: "start" | "end" }) {
  return (
    <BaseMenu.Root modal={false}>
      <BaseMenu.Trigger render={trigger} />
      <BaseMenu.Portal>
        <BaseMenu.Positioner sideOffset={4} align={align} className={styles.positioner}>
          <BaseMenu.Popup className={`layer ${styles.menu}`}>
            {items.map((item, index) => (
              <BaseMenu.Item key={index} className="menuitem" disabled={item.disabled ?? false} onClick={item.onSelect}>
                {item.label}
                {item.hint && <span className={styles.hint}>{item.hint}</span>}
              </BaseMenu.Item>
            ))}
          </BaseMenu.Popup>
        </BaseMenu.Positioner>
      </BaseMenu.Portal>
    </BaseMenu.Root>
  );
}

export interface DialogProps extends Open {
  trigger?: ReactElement;
  title: ReactNode;
  note?: ReactNode;
  children: ReactNode;
  /** Buttons at the foot. */
  actions?: ReactNode;
  wide?: boolean;
}

/** The first thing to fill in, of the dialog's body; its close button comes before it. */
const firstField = (popup: HTMLElement | null): HTMLElement | true => popup?.querySelector<HTMLElement>("[data-dialog-body] :is(input, select, textarea):not(:disabled)") ?? true;

export function Dialog({ trigger, title, note, children, actions, wide = false, ...rest }: DialogProps) {
  const popup = useRef<HTMLDivElement>(null);
  // Who opens it by mounting it unmounts it with its focus: that goes back to where it came from.
  const [before] = useState(() => (typeof document === "undefined" ? null : document.activeElement));
  useEffect(() => () => { if (before instanceof HTMLElement && before.isConnected && (document.activeElement === document.body || document.activeElement === null)) before.focus(); }, [before]);
  return (
    <BaseDialog.Root {...rest}>
      {trigger && <BaseDialog.Trigger render={trigger} />}
      <BaseDialog.Portal>
        <BaseDialog.Backdrop className={styles.backdrop} />
        <BaseDialog.Popup ref={popup} initialFocus={() => firstField(popup.current)} className={`layer ${styles.dialog}`} data-wide={wide || undefined}>
          <header className={styles.head}>
            <BaseDialog.Title className={styles.title}>{title}</BaseDialog.Title>
            <BaseDialog.Close className="btn quiet icon" aria-label="Close"><X className="ico" aria-hidden /></BaseDialog.Close>
          </header>
          {note && <BaseDialog.Description className={styles.note}>{note}</BaseDialog.Description>}
          <div className={styles.body} data-dialog-body>{children}</div>
          {actions && <footer className={styles.foot}>{actions}</footer>}
        </BaseDialog.Popup>
      </BaseDialog.Portal>
    </BaseDialog.Root>
  );
}

/** A hint on hover and focus. `children` is one element with a name of its own. */
export function Tooltip({ text, children }: { text: ReactNode; children: ReactElement }) {
  return (
    <BaseTooltip.Root>
      <BaseTooltip.Trigger render={children} delay={400} />
      <BaseTooltip.Portal>
        <BaseTooltip.Positioner sideOffset={6} className={styles.positioner}>
          <BaseTooltip.Popup className={`layer ${styles.tooltip}`}>{text}</BaseTooltip.Popup>
        </BaseTooltip.Positioner>
      </BaseTooltip.Portal>
    </BaseTooltip.Root>
  );
}

export function Select<Id extends string>({ label, value, options, onChange, prefix }: { label: string; value: Id; options: readonly { id: Id; label: string }[]; onChange: (id: Id) => void; prefix?: string }) {
  return (
    <BaseSelect.Root value={value} onValueChange={(next) => next !== null && onChange(next)} items={options.map((o) => ({ value: o.id, label: o.label }))} modal={false}>
      <BaseSelect.Trigger className="btn" aria-label={label}>
        {prefix && <span className="faint">{prefix}</span>}
        <BaseSelect.Value />
        <ChevronDown className="ico" aria-hidden />
      </BaseSelect.Trigger>
      <BaseSelect.Portal>
        <BaseSelect.Positioner sideOffset={4} className={styles.positioner} alignItemWithTrigger={false}>
          <BaseSelect.Popup className={`layer ${styles.menu}`}>
            {options.map((option) => (
              <BaseSelect.Item key={option.id} value={option.id} className="menuitem">
                <BaseSelect.ItemText>{option.label}</BaseSelect.ItemText>
                <BaseSelect.ItemIndicator className={styles.hint}><Check className="ico" aria-hidden /></BaseSelect.ItemIndicator>
              </BaseSelect.Item>
            ))}
          </BaseSelect.Popup>
        </BaseSelect.Positioner>
      </BaseSelect.Portal>
    </BaseSelect.Root>
  );
}
