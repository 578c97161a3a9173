import { useEffect, useState } from "react";
import { WaitingList } from "./list";

/** Late shows the waiting rows only if the answer is not here at once. */
export function Late() {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 200);
    return () => clearTimeout(timer);
  }, []);
  return late ? <WaitingList /> : null;
}
