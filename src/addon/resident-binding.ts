/** What native/addon/resident.cc exports. The protocol is native/resident/protocol.h. */
export interface ResidentBinding {
  /** What a client may ask for. */
  readonly requestKinds: { readonly link: number; readonly status: number; readonly stop: number };
  /** 0 or an errno. */
  listenForClients(socket: number, backlog: number): number;
  /** Blocks until there is a client; its descriptor, or -1 when there can be none. */
  acceptClient(socket: number): number;
  /**
   * What the client asks for; this process has then its place. Or why it cannot, empty if the client has gone. Only a
   * process that is to end with this client may ask.
   */
  receiveRequest(connection: number): readonly [kind: number, words: string[]] | string;
  /** Tells the client that its link begins. False if it has gone. Later, its going is a SIGTERM here. */
  beginLink(connection: number): boolean;
  /** The link has ended, with this exit status. */
  answerStatus(connection: number, status: number): void;
  /** The client is to link by itself. */
  answerRefusal(connection: number, reason: string): void;
  answerText(connection: number, text: string): void;
}
