/** Words without which a model's word is not taken for something that has an effect. */

/** Beginnings of words, by the command or action that they speak of. */
const stems: Record<string, readonly string[]> = {
  cancel: ['cancel', 'stop', 'abort', 'kill', 'halt', 'terminat', 'end', 'quit', 'interrupt'],
  retry: ['retr', 're-', 'again', 'rerun', 'resum', 'restart', 'continu', 'once more', 'try', 'pick up', 'go on'],
  get_logs: ['log', 'output', 'stderr', 'stdout', 'trace', 'print', 'console'],
  get_status: [
    'statu',
    'how',
    'progress',
    'done',
    'finish',
    'run',
    'news',
    'eta',
    'why',
    'wrong',
    'fail',
    'what',
    'is ',
  ],
  compare_runs: ['compar', 'differ', 'versus', ' vs', 'better', 'worse', 'side by side', 'against'],
  upload_artifact: ['upload', 'store', 'put', 'add'],
  download_artifact: ['download', 'get', 'fetch', 'export', 'save', 'give', 'pull'],
  approve: [
    'yes',
    'yep',
    'yeah',
    'ok',
    'sure',
    'go',
    'start',
    'run',
    'approv',
    'confirm',
    'do it',
    'ship',
    'lgtm',
    'fine',
  ],
  forget: ['forget', 'drop', 'discard', 'cancel', 'reset', 'scrap', 'never', 'start over', 'no', 'clear', 'stop'],
  drop: ['drop', 'remov', 'without', 'skip', 'no', 'leave', 'delet', 'only', 'just', "n't", 'exclud', 'minus', 'cut'],
};

/** Whether a message holds a word for this command or action; what has no words listed needs none. */
export function hasEvidence(of: string, message: string): boolean {
  const listed = stems[of];
  if (listed === undefined) return true;
  const text = ` ${message.toLowerCase().replace(/[’‘]/g, "'")} `;
  return listed.some((stem) => text.includes(/^\w/.test(stem) ? ` ${stem}` : stem) || text.startsWith(stem.trim()));
}
