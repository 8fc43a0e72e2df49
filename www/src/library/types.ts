/** What the library keeps: the records of its database, and what page and worker tell each other. Types only. */

/** A photo that is in the library. */
export interface Photo {
  /** Its number, by which everything else about it is found; later ones were added later. */
  seq: number;
  /** What tells its bytes from all others: a SHA-256, or the number of a drawing. */
  hash: string;
  name: string;
  /** The folder it came from, if any. */
  folder?: string;
  /** Of its file, or 0 where only an embedding is known. */
  bytes: number;
  width: number;
  height: number;
  /** Milliseconds since 1970. */
  added: number;
}

/** Where a photo's bytes are: given by the page, in the database by their number, on the disk, or nowhere, since they are drawn. */
export type Original =
  | { kind: "given"; blob: Blob }
  | { kind: "copy"; copy: number }
  | { kind: "file"; handle: FileSystemFileHandle }
  | { kind: "drawn"; index: number };

/** A file on its way into the library. */
export interface Arrival {
  name: string;
  folder?: string;
  original: Original;
}

/** An arrival, or a photo that has no embedding of the model yet, as it goes to the model. */
export interface Job {
  /** The arrival's number; undefined of a photo that is in the library already. */
  arrival?: number;
  /** The photo's number; undefined of an arrival. */
  seq?: number;
  name: string;
  file: Blob;
}

/** A photo whose embedding is known already. */
export interface Embedded {
  hash: string;
  name: string;
  width: number;
  height: number;
  original?: Original;
}

/** What became of a job. */
export interface Outcome {
  arrival?: number;
  seq?: number;
  embedding?: Float32Array;
  width?: number;
  height?: number;
  failure?: Reason;
}

/** What was kept of outcomes: the photos that are new, and the embeddings. */
export interface Settled {
  photos: Photo[];
  rows: { seq: number; embedding: Float32Array }[];
  /** Something could not be kept, since there is no room. */
  diskFull: boolean;
}

/** Why something failed: a code to branch on, and the words of whoever found out. */
export interface Reason {
  code: string;
  message: string;
}

/** A file that could not be taken in. */
export interface Failure extends Reason {
  /** The arrival's number, by which it is tried again. */
  arrival: number;
  name: string;
}

/** A folder of the user's disk that is scanned again on request. */
export interface Folder {
  key: number;
  name: string;
  handle: FileSystemDirectoryHandle;
  scanned: number;
}

/** How much there is to do. */
export interface Work {
  /** Arrivals and photos without an embedding. */
  waiting: number;
  failed: number;
}

/** Photos and embeddings in pieces, so that neither worker nor page is busy long. */
export interface Page<T> {
  items: T[];
  /** Where to go on; undefined at the end. */
  next?: number;
}

/** Embeddings of one model, one after the other. */
export interface Rows {
  seqs: number[];
  values: Float32Array<ArrayBuffer>;
  next?: number;
}
