"""Progress of what takes long: a callback, or a bar of `tqdm`."""


def reporter(progress):
    """What is called with the number that is done and that of all (0 where nobody knows it); None if nobody is to be told."""
    if progress is None or progress is False:
        return None
    if progress is not True:
        if not callable(progress):
            raise TypeError(f"progress is {progress!r}, expected True for a bar, or a function of what is done and of all")
        return progress
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    bar = tqdm(total=None)

    def report(done, of):
        if of and bar.total != of:
            bar.total = of
        bar.update(done - bar.n)
        if of and done >= of:
            bar.close()

    return report
