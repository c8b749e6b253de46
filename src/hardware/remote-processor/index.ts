/** A remote processor and what its firmware is made of. */
export { addEchoService, type RemoteCallback, RpmsgRemote, type RpmsgRemoteDescription } from './rpmsg-remote.ts';
