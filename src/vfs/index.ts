/** The file tree: the walk, inodes and permissions, and the file systems in it. */
export { directoryOperations } from './directory-file.ts';
export { FileTree, type Mount } from './file-tree.ts';
export { Directory, type NewInode, Symlink, TreeInode } from './tree-inode.ts';
