/** What native/addon/resident.cc exports. The protocol is native/resident/protocol.h. */
export interface ResidentBinding {
  /** What a client may ask for. */
  readonly requestKinds: { readonly link: number; readonly status: number; readonly stop: number };
  /** 0 or an errno. */
  listenForClients(socket: number, backlog: number): number;
  /** Blocks until there is a client; its descriptor, or -1 when there can be none. */
  acceptClient(socket: number): number;
  /**
   * What the client asks for. Or why it cannot be done, empty if the client has gone. Only a process that is to end with
   * this client may ask: of a link it has then the environment, the limits and the rest.
   */
  receiveRequest(connection: number): readonly [kind: number, words: string[]] | string;
  /**
   * Tells the client that its link begins, and takes its working folder and descriptors. Null, or why it cannot, as
   * above. Later, that the client goes is a SIGTERM here.
   */
  beginLink(connection: number): string | null;
  /** The link has ended, with this exit status. */
  answerStatus(connection: number, status: number): void;
  /** The client is to link by itself. */
  answerRefusal(connection: number, reason: string): void;
  answerText(connection: number, text: string): void;
}
