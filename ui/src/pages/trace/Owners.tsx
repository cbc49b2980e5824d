/** Each moment of the critical path belongs to one service: who had how much of it, here and in all traces alike. */

import { useMemo, useState } from "react";
import type { Trace } from "@/api/trace";
import { useAlikeOwners } from "@/api/trace/owners";
import { around, operationQuery } from "@/api/trace/operation";
import { ServiceName } from "@/components/ServiceName";
import { serviceColour } from "@/model/service";
import { type Owner, ownersOf } from "@/model/trace/facts";
import { nameOf, serviceOf } from "@/model/trace/tree";
import { count } from "@/model/units";
import styles from "./Aside.module.css";
import { took } from "./Row";

const MOST = 8;

export function Owners({ trace }: { trace: Trace }) {
  const { tree } = trace;
  const [alike, setAlike] = useState(false);
  const here = useMemo(() => ownersOf(tree), [tree]);
  const query = `${operationQuery(serviceOf(tree, 0), nameOf(tree, 0)).slice(0, -2)} && span:parentID = nil }`;
  const others = useAlikeOwners(query, around(tree.origin), alike);
  const owners = alike && others.data ? others.data.owners : here;
  return (
    <section>
      <h3>
        {alike && others.data ? `Who owns the time of ${count(others.data.traces)} traces alike` : `Who owns the ${took(tree.width)}`}
        <button type="button" className={styles.link} aria-pressed={alike} onClick={() => setAlike(!alike)}>{alike ? (others.isLoading ? "reading…" : "this trace") : "over all alike"}</button>
      </h3>
      {others.error && alike && <p className="small bad">{others.error.what}</p>}
      <div className={styles.own}>{owners.slice(0, MOST).map((owner) => <OwnerRow key={owner.service} owner={owner} />)}</div>
      {owners.length > MOST && <p className="small faint">and {count(owners.length - MOST)} more {owners.length - MOST === 1 ? "service" : "services"}</p>}
    </section>
  );
}

function OwnerRow({ owner }: { owner: Owner }) {
  return (
    <>
      <ServiceName name={owner.service} />
      <i style={{ "--c": serviceColour(owner.service), "--v": `${owner.share * 100}%` } as React.CSSProperties} />
      <span className="num" title={`${(owner.share * 100).toFixed(1)} %`}>{took(owner.time)}</span>
    </>
  );
}
