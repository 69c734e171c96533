/** Counts the lines of every file whose turn it is: worker 1 of 4 has files 1, 5, 9, … */
export default ({ files, arena, args, workerIndex, workerCount }) => {
  const counts = arena.f64view(args.lines, files.length);
  for (let index = workerIndex; index < files.length; index += workerCount) {
    const bytes = files[index].bytes();
    for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) counts[index]++;
  }
};
