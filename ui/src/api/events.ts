// Server-sent events out of a stream of text.

/** EventReader parts a stream of text into events, wherever its pieces end. Comments and unknown fields mean nothing. */
export class EventReader {
  private rest = "";
  private name = "";
  private data: string[] = [];

  constructor(private readonly onEvent: (name: string, data: string) => void) {}

  take(piece: string): void {
    const lines = (this.rest + piece).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() as string;
    for (const line of lines) this.line(line);
  }

  private line(line: string): void {
    if (line === "") {
      if (this.data.length > 0) this.onEvent(this.name || "message", this.data.join("\n"));
      this.name = "";
      this.data = [];
      return;
    }
    const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line) as RegExpExecArray;
    if (field === "event") this.name = value;
    else if (field === "data") this.data.push(value);
  }
}
