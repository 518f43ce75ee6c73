# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Part of the executor that is sent with a batch that has a step `exe`; it stands before executor.ps1, whose functions and tables it uses.

# --- Native programs. PowerShell itself would drop empty arguments and mangle quotes, and would decode what they write.

# An argument line that the C runtime takes apart into these very texts: quotes are escaped by a backslash, backslashes before them doubled.
function ConvertTo-ArgumentLine($arguments) {
    $quoted = foreach ($argument in $arguments) {
        if ($argument -cmatch '^[^\s"]+\z') { $argument }
        else { '"' + ($argument -creplace '(\\*)"', '$1$1\"' -creplace '(\\+)\z', '$1$1') + '"' }
    }
    @($quoted) -join ' '
}

# The text of one run. A program that has come to its end gives one item, whatever its exit code.
function Get-ExeRun($file, $arguments, [int]$timeout) {
    $longest = 1048576   # bytes of each output that are kept
    $failed = { param($fqid, $category, $exception)
        $record = [System.Management.Automation.ErrorRecord]::new($exception, $fqid, $category, $null)
        '{"items":[],"errors":[' + (ConvertTo-ErrorText $record $true) + '],"warnings":[]}'
    }
    $refuse = { param($why) & $failed 'ExeRefused' 'InvalidArgument' ([System.ArgumentException]::new($why)) }
    foreach ($text in @($file) + $arguments) {
        if ($text -isnot [string] -or $text.Contains([string][char]0)) { return & $refuse 'A program and its arguments are one text each.' }
    }
    $file = [Environment]::ExpandEnvironmentVariables($file)
    # Without a full path Windows would search for it; what is no .exe would be handed to cmd.exe, which reads arguments in another way.
    if ($file -notmatch '^([a-z]:[\\/]|[\\/])[^"]*\.exe\z') { return & $refuse 'It is not the full path of an .exe.' }

    $process = New-Object System.Diagnostics.Process
    try {
        $start = $process.StartInfo
        $start.FileName = $file
        $start.Arguments = ConvertTo-ArgumentLine $arguments
        $start.UseShellExecute = $false
        $start.CreateNoWindow = $start.RedirectStandardInput = $start.RedirectStandardOutput = $start.RedirectStandardError = $true
        $null = $process.Start()
    }
    catch {
        $process.Dispose()
        $cause = $_.Exception.GetBaseException()
        if ($cause -is [System.ComponentModel.Win32Exception] -and (2, 3 -contains $cause.NativeErrorCode)) {
            return & $failed 'ExeNotFound' 'ObjectNotFound' $cause
        }
        return & $failed 'ExeRefused' 'InvalidOperation' $cause
    }
    try {
        $process.StandardInput.Close()
        $streams = $process.StandardOutput.BaseStream, $process.StandardError.BaseStream
        $buffers = (New-Object 'byte[]' 65536), (New-Object 'byte[]' 65536)
        $kept = (New-Object System.IO.MemoryStream), (New-Object System.IO.MemoryStream)
        $reads = [System.Threading.Tasks.Task[]](0, 1 | ForEach-Object { $streams[$_].ReadAsync($buffers[$_], 0, 65536) })
        $open = 0, 1
        $cut = $false
        $clock = [System.Diagnostics.Stopwatch]::StartNew()
        $last = $null   # when it was first seen to have ended
        # A child of the program may hold its outputs open for ever: two seconds after the end nobody waits for more.
        while ($open.Count -and $clock.Elapsed.TotalSeconds -lt $timeout) {
            $which = [System.Threading.Tasks.Task]::WaitAny([System.Threading.Tasks.Task[]]$reads[$open], 200)
            if ($which -lt 0) {
                if ($process.HasExited) {
                    if ($null -eq $last) { $last = $clock.Elapsed.TotalSeconds }
                    elseif ($clock.Elapsed.TotalSeconds - $last -ge 2) { $cut = $true; break }
                }
                continue
            }
            $which = @($open)[$which]
            $count = $reads[$which].Result
            if ($count -eq 0) { $open = @($open | Where-Object { $_ -ne $which }); continue }
            $room = [Math]::Min($count, $longest - $kept[$which].Length)
            if ($room -lt $count) { $cut = $true }
            $kept[$which].Write($buffers[$which], 0, $room)
            $reads[$which] = $streams[$which].ReadAsync($buffers[$which], 0, 65536)
        }
        $left = [Math]::Max(0, [int](1000 * ($timeout - $clock.Elapsed.TotalSeconds)))
        if (-not $process.WaitForExit($left)) {
            try { $process.Kill() } catch { $null = $_ }
            return & $failed 'ExeTimeout' 'OperationTimeout' ([System.TimeoutException]::new("It did not end within $timeout s and was killed."))
        }
        '{"items":[[' + ([long]$process.ExitCode -band 4294967295).ToString($invariant) + ',' + (ConvertTo-ValueText $kept[0].ToArray()) + ',' +
        (ConvertTo-ValueText $kept[1].ToArray()) + ',' + (ConvertTo-ValueText $cut) + ']],"errors":[],"warnings":[]}'
    }
    finally { $process.Dispose() }
}
