/** Words that say nothing about a plan; known, so that they are no names and no slips of the keyboard. */
export const filler = `
  please, whichever, a bit, a little bit, a little, pls, plz, want, i, i'd, i'm, like, can, could, you, would, me, let's, lets, just, now, first,
  firstly, second, secondly, third, kindly, so, ok, okay, well, hey, hi, hello, there, we, us, up, some, do,
  run, perform, start, kick off, launch, carry out, execute, apply, conduct, thanks, thank, need, wanna,
  gonna, going, have, has, had, will, but, if, possible, great, nice, really, maybe, perhaps, think, thinking,
  about, data, which, what, all, only, more, less, many, most, much, very, quick, quickly, small, new, job,
  good, how, then, else, still, while, since, because, so that, in order to, order, i've,
  that's, task, tasks, step, here, kind, kinds, sort, whole, full, long, short, big, large,   see,
  tell, show, know, find out, figure out, look, get an idea, idea, plan, pipeline, trying, try to, afterwards,
  today, tonight, tomorrow, also please, cheers, mate, team, boss, project, work, stuff, thing, things,
  the same data, same data, the same dataset, same dataset, the same corpus, the same split, both steps, both
  tasks, both jobs, both runs, all steps, this time, last time, packages, package, libs, libraries, deps, dependencies, modules, something, someone, everything, goal, aim, would be, would like, each time, time, times, per, peak, max,
  maximum, min, minimum, up to, at most, at least, around, approximately, roughly, exactly, total, overall,
  hyperparameters, hyperparams, settings, params, parameters, high, low, higher, lower value, value, number,
  count, rate, size, length, limit, limited, cap, capped, subset, portion, part, top, random, randomly, last,
  whatever, default, defaults, standard, usual, normal, simple, basic, proper, properly, correctly, final,
  finish, finished, done, complete, completely, end, beginning, begin, starting, initial, currently, current,
  existing, previous, earlier, latest, recent, newest, different, other, similar, mode, way, style, type,
  name, named, called, known, path, at path, located, local, remote, isolated, file, folder, directory, dir,
  stored, saved, save, saving, kept, lives, living, sits, found, into account, memory, gpu, gpus, cpu,
  machine, box, server, hardware, fast, faster, slow, cheap, cheaper, smaller, bigger, larger, size down, fit,
  fits, hub, hugging face, huggingface, from the hub, from hugging face, via the hub, face, hugging, weights
  too, sure, yeah, yep, alright, cool, right, might, may, shall, should i, i think, i guess, guess, tbh, btw,
  by the way, fyi, asap, e.g, i.e, eg, ie, etc, through it, out, off, own, same time, in parallel, parallel,
  concurrently, simultaneously, keep, keeping, let, not only, even, ever, never mind that, mind, actually
  please, if you can, if you could, can you, could you, would you, will you, i want to, i want, i would like
  to, i'd like to, we want to, we need to, i need to, i need, please do, go ahead and, go and, proceed to,
  feel free to, happy, hope, hoping, basically, essentially, literally, ultimately, eventually, especially,
  particularly, specifically, namely, mainly, mostly, supervised, instruct tuning, parameter efficient, peft,
  qlora, efficient, efficiently, carefully, gently, lightly, again please, on top, side, side by side, head to
  head, difference, differences, between, across, among, within, inside, under, where, whose, who, why,
  whether, either, neither, than, because of, due, given, based, depending, according, comes, come, go, goes,
  went, makes, made, uses, used, takes, took, does, did, doing, happens, happen, yes, no problem, colleague,
  colleagues, told, said, says, say, asked, wondering, wonder, curious, interested, story, anyway, anyways,
  long story short, however, though, although, unless, besides that, otherwise, that said, worth, needed,
  needs, required, require, necessary, useful, performs, reporting, reports, result, metric wise, us a,
  everyone, people, guys, folks, test run, smoke test, dry run, dry test, sanity check, trial run`;

/** Ordinary words that lie close to a task's or an input's name, and are no slips either. */
export const realWords = `
  deepspeed, squash, square, squads, dolls, alpacas, mistral, falcons, opens, trail, trait, train, brain,
  strain, trains, drain, grain, turned, turn, turning, toned, tuner, tunes, timing, stamp, simple, samples,
  rate, rates, bench, score, scored, store, stored, adopt, adopted, access, assets, badge, match, batch,
  patch, branch, quantity, quality, layers, player, layer, reads, heads, needs, seeds, weeds, speed, feed,
  context, contest, content, contents, sequence, evaluate, valuable, value, values, testing, texting, resting,
  comparing, compiling, compile, shrink, drink, tested, texted, recording, records, record, lesson, steps,
  stops, stop, stems, items, times, title, token, taken, broken, epic, depth, death, hidden, width, with,
  method, metrics, matrix, metric, config, confirm, confirmed, confine, entries, entires, entire, instance,
  instances, example, examples, dates, date, database, databases, ranks, thanks, tanks, banks, alpha, alpine,
  tailored, scratch`;
