/** The file tree: the walk, inodes and permissions, and the file systems in it. */
export { directoryOperations } from './directory-file.ts';
export { type FileSystemType, type MountRequest, registerFileSystem } from './file-system-types.ts';
export { FileTree } from './file-tree.ts';
export * from './pseudo/index.ts';
export { Directory, type NewInode, Symlink, TreeInode } from './tree-inode.ts';
