/** The door for other processes: a machine's socket, and what joins the machine by it. */
export { Connection, FailedCall } from './client.ts';
export type { LauncherWelcome } from './protocol.ts';
export { connect, RemoteMachine } from './remote-machine.ts';
export { RemoteServing } from './remote-serving.ts';
export type { RemoteMemory, RemoteSys } from './remote-sys.ts';
export { ConnectServer, type ConnectServerOptions } from './server.ts';
