/** The sum of the file's bytes: reads all of it. */
export default (task, { files }) => files[0].bytes().reduce((sum, byte) => sum + byte, 0);
