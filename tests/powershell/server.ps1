# Runs one script over and over, each time in a fresh runspace: a start of PowerShell for each batch would cost half a second.
# Standard input: the script in base64, then for each run a line "<number> <folders of modules>" and so many lines. Standard output: the
# run's output, its errors, and a closing line. $env:PRELOADED names module files that every run begins with.
$script = [System.Text.Encoding]::UTF8.GetString([Convert]::FromBase64String([Console]::In.ReadLine()))
while ($null -ne ($head = [Console]::In.ReadLine())) {
    $count, $env:PSModulePath = $head.Split([char[]]' ', 2)
    $lines = New-Object 'System.Collections.Generic.List[object]'
    for ($i = 0; $i -lt [int]$count; $i++) { $lines.Add([Console]::In.ReadLine()) }
    $session = [initialsessionstate]::CreateDefault2()
    if ($env:PRELOADED) { $session.ImportPSModule($env:PRELOADED.Split([System.IO.Path]::PathSeparator)) }
    $runspace = [runspacefactory]::CreateRunspace($session)
    $runspace.Open()
    $shell = [powershell]::Create()
    $shell.Runspace = $runspace
    $null = $shell.AddScript($script)
    try { foreach ($object in $shell.Invoke($lines)) { [Console]::Out.WriteLine([string]$object) } }
    catch { [Console]::Out.WriteLine("#error $_".Replace("`n", ' ')) }
    foreach ($record in $shell.Streams.Error) { [Console]::Out.WriteLine("#error $record".Replace("`n", ' ')) }
    $shell.Dispose()
    $runspace.Dispose()
    [Console]::Out.WriteLine('#end')
    [Console]::Out.Flush()
}
