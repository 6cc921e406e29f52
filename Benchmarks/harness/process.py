"""What Linux tells about a process: CPU time, resident memory, threads."""

import os
import resource

TICKS = os.sysconf("SC_CLK_TCK")


def descendants(pid):
    """The process and its children, as nginx has one master and several workers."""
    found = [pid]
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            for child in file.read().split():
                found += descendants(int(child))
    except OSError:
        pass
    return found


def cpu_seconds(pid):
    """User and system time of the process and its children, those that ended too, in seconds."""
    ticks = 0
    for each in descendants(pid):
        try:
            with open(f"/proc/{each}/stat") as file:
                fields = file.read().rsplit(")", 1)[1].split()
        except FileNotFoundError:
            # It has just ended: what it took is with its parent when that has waited for it.
            continue
        ticks += sum(map(int, fields[11:15]))
    return ticks / TICKS


def machine_seconds():
    """Since its start the whole machine: (seconds at work, seconds stolen by its host)."""
    with open("/proc/stat") as file:
        ticks = [int(each) for each in file.readline().split()[1:]]
    return (ticks[0] + ticks[1] + ticks[2]) / TICKS, ticks[7] / TICKS


def thread_seconds(pid):
    """CPU time of each thread, by name (threads of one name are added up), in seconds."""
    times = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/stat") as file:
                head, tail = file.read().rsplit(")", 1)
        except OSError:
            continue
        fields = tail.split()
        name = head.split("(", 1)[1]
        times[name] = times.get(name, 0) + (int(fields[11]) + int(fields[12])) / TICKS
    return times


def _status(pid, key):
    total = 0
    for each in descendants(pid):
        with open(f"/proc/{each}/status") as file:
            for line in file:
                if line.startswith(key):
                    total += int(line.split()[1])
    return total


def resident_kb(pid):
    """Resident memory now, in KB."""
    return _status(pid, "VmRSS:")


def peak_kb(pid):
    """The most resident memory the process ever had, in KB."""
    return _status(pid, "VmHWM:")


def raise_file_limit(wanted=65536):
    """Lets this process and those it starts hold many connections; gives the limit reached."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in ((wanted, max(wanted, hard)), (hard, hard)):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, limit)
            break
        except (ValueError, OSError):
            continue
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
