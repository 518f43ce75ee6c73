# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Carries out one batch and writes the answer, one JSON object a line (docs/architecture.md, "The batch").
# Windows PowerShell 5.1 and later; ASCII only. Loops are written inline where they are hot: a function call costs 70 us.
# The parts for steps `exe` and `sql` (executor_exe.ps1, executor_sql.ps1) are sent before this text, with a batch that needs them.

Set-StrictMode -Off
$ErrorActionPreference = 'Continue'
$WarningPreference = $VerbosePreference = $DebugPreference = $InformationPreference = $ProgressPreference = 'SilentlyContinue'
$invariant = [System.Globalization.CultureInfo]::InvariantCulture
$watch = [System.Diagnostics.Stopwatch]::StartNew()

# --- JSON in: every string gets a mark before it is parsed, so that no version takes one for a date or a reserved key.

function ConvertFrom-Marked($value) {
    if ($value -is [System.Management.Automation.PSCustomObject]) {
        $map = @{}
        foreach ($property in $value.PSObject.Properties) {
            $part = $property.Value
            if ($part -is [string]) { $part = $part.Substring(1) }
            elseif ($null -ne $part -and $part -isnot [bool]) { $part = ConvertFrom-Marked $part }
            $map[$property.Name.Substring(1)] = $part
        }
        return $map
    }
    if ($value -is [array]) {
        $list = New-Object 'System.Collections.Generic.List[object]'
        foreach ($part in $value) {
            if ($part -is [string]) { $list.Add($part.Substring(1)) }
            elseif ($null -eq $part -or $part -is [bool]) { $list.Add($part) }
            else { $list.Add((ConvertFrom-Marked $part)) }
        }
        return , $list.ToArray()
    }
    # Numbers arrive as int or long, double or decimal, by version.
    if ($value -is [long] -and $value -ge [int]::MinValue -and $value -le [int]::MaxValue) { return [int]$value }
    if ($value -is [decimal]) { return [double]$value }
    return $value
}

# A value that JSON has no word for, as the contract writes it: {"$timespan": seconds} and the like.
function ConvertFrom-Typed($value) {
    if ($value -is [array]) { return , @(foreach ($part in $value) { ConvertFrom-Typed $part }) }
    if ($value -isnot [hashtable] -or $value.Count -ne 1) { return $value }
    $kind = @($value.Keys)[0]
    $given = $value[$kind]
    if ($kind -ceq '$timespan') { return [timespan]::FromTicks([long]([decimal]$given * 10000000)) }
    if ($kind -ceq '$local') { return [datetime]::Parse($given, $invariant, 'None') }
    if ($kind -ceq '$instant') { return [datetime]::Parse($given, $invariant, 'AdjustToUniversal, AssumeUniversal') }
    if ($kind -cne '$secret' -and $kind -cne '$credential') { return $value }
    $text = $given
    if ($kind -ceq '$credential') { $text = $given['password'] }
    # Not by a cmdlet: module logging would write its parameter down.
    $secret = New-Object System.Security.SecureString
    foreach ($character in $text.ToCharArray()) { $secret.AppendChar($character) }
    $secret.MakeReadOnly()
    if ($kind -ceq '$secret') { return $secret }
    New-Object System.Management.Automation.PSCredential $given['user'], $secret
}

# --- JSON out: values become text at once; whatever is not plain ASCII is escaped when a line is written.

$NULL_KIND, $TEXT, $BOOLEAN, $NUMBER, $FLOAT, $INSTANT, $OFFSET, $DURATION, $ENUM, $BYTES, $LIST, $OBJECT, $PRINTED = 0..12
$kinds = @{}
foreach ($type in [byte], [sbyte], [int16], [uint16], [int], [uint32], [long], [uint64], [decimal], [bigint]) {
    $kinds[$type] = $NUMBER
}
$kinds[[string]] = $TEXT
$kinds[[bool]] = $kinds[[System.Management.Automation.SwitchParameter]] = $BOOLEAN
$kinds[[double]] = $kinds[[single]] = $FLOAT
$kinds[[datetime]] = $INSTANT
$kinds[[System.DateTimeOffset]] = $OFFSET
$kinds[[timespan]] = $DURATION
$kinds[[byte[]]] = $BYTES
$kinds[[System.DBNull]] = $NULL_KIND
foreach ($type in [char], [guid], [version], [uri], [System.Net.IPAddress]) { $kinds[$type] = $PRINTED }

function Get-Kind($value) {
    $type = $value.GetType()
    if ($type.IsEnum) { $kind = $ENUM }
    elseif ($value -is [System.Collections.IDictionary] -or $value -is [System.Xml.XmlNode]) { $kind = $OBJECT }
    elseif ($value -is [System.Collections.IEnumerable]) { $kind = $LIST }
    elseif ($value -is [uri] -or $value -is [System.Net.IPAddress]) { $kind = $PRINTED }
    else { $kind = $OBJECT }
    $kinds[$type] = $kind
    return $kind
}

function ConvertTo-Text($value) {
    '"' + ([string]$value).Replace('\', '\\').Replace('"', '\"') + '"'
}

function ConvertTo-ValueText($value) {
    if ($null -eq $value) { return 'null' }
    $kind = $kinds[$value.GetType()]
    if ($null -eq $kind) { $kind = Get-Kind $value }
    if ($kind -eq $TEXT) { return '"' + ([string]$value).Replace('\', '\\').Replace('"', '\"') + '"' }
    if ($kind -eq $NULL_KIND) { return 'null' }
    if ($kind -eq $BOOLEAN) { if ($value) { return 'true' } return 'false' }
    if ($kind -eq $NUMBER) { return $value.ToString($invariant) }
    if ($kind -eq $FLOAT) {
        if ([double]::IsNaN($value) -or [double]::IsInfinity($value)) { return '"' + $value.ToString($invariant) + '"' }
        return $value.ToString('R', $invariant)
    }
    if ($kind -eq $INSTANT) { return '"' + $value.ToUniversalTime().ToString('o', $invariant) + '"' }
    if ($kind -eq $OFFSET) { return '"' + $value.UtcDateTime.ToString('o', $invariant) + '"' }
    if ($kind -eq $DURATION) { return ([decimal]$value.Ticks / 10000000).ToString($invariant) }
    if ($kind -eq $ENUM) { return '{"$enum":[' + $value.ToString('d') + ',' + (ConvertTo-Text $value.ToString()) + ']}' }
    if ($kind -eq $BYTES) { return '{"$bytes":"' + [System.Convert]::ToBase64String($value) + '"}' }
    if ($kind -eq $PRINTED) { return ConvertTo-Text $value.ToString() }
    if ($kind -eq $LIST) {
        $texts = New-Object 'System.Collections.Generic.List[string]'
        foreach ($part in $value) { $texts.Add((ConvertTo-ValueText $part)) }
        return '[' + ($texts -join ',') + ']'
    }
    return '{"$object":' + (ConvertTo-Text $value.PSObject.TypeNames[0]) + '}'
}

# Exceptions that only say that PowerShell stood between; their inner exception is the first one that counts.
$wrappers = [System.Management.Automation.MethodInvocationException], [System.Management.Automation.GetValueInvocationException],
    [System.Management.Automation.SetValueInvocationException], [System.Management.Automation.ActionPreferenceStopException],
    [System.Management.Automation.RuntimeException]

function ConvertTo-ErrorText($thrown, [bool]$terminating) {
    $record = $thrown
    if ($record -isnot [System.Management.Automation.ErrorRecord]) { $record = $thrown.ErrorRecord }
    while ($record.Exception -is [System.Management.Automation.ActionPreferenceStopException] -and $record.Exception.ErrorRecord -and
        $record.Exception.ErrorRecord -ne $record) { $record = $record.Exception.ErrorRecord }
    $exception = $record.Exception
    if ($null -eq $record) { $exception = $thrown }
    $chain = New-Object 'System.Collections.Generic.List[string]'
    for (; $null -ne $exception -and $chain.Count -lt 20; $exception = $exception.InnerException) {
        if ($null -ne $exception.InnerException) {
            $between = $false
            foreach ($wrapper in $wrappers) { if ($exception.GetType() -eq $wrapper) { $between = $true } }
            if ($between) { continue }
        }
        $native = 'null'
        if ($exception -is [System.ComponentModel.Win32Exception]) { $native = $exception.NativeErrorCode.ToString($invariant) }
        elseif ($exception.GetType().FullName -ceq 'System.Data.SqlClient.SqlException') { $native = $exception.Number.ToString($invariant) }
        $code = ([long]$exception.HResult -band 4294967295).ToString($invariant)
        $chain.Add('{"type":' + (ConvertTo-Text $exception.GetType().FullName) + ',"hresult":' + $code + ',"native":' + $native +
            ',"message":' + (ConvertTo-Text $exception.Message) + '}')
    }
    $ending = 'false'
    if ($terminating) { $ending = 'true' }
    '{"fqid":' + (ConvertTo-Text $record.FullyQualifiedErrorId) + ',"category":' + (ConvertTo-Text $record.CategoryInfo.Category) +
    ',"terminating":' + $ending + ',"chain":[' + ($chain -join ',') + ']}'
}

# One path of one object where a list stands in the way: the rest of the path is read from every element.
function Read-Path($value, $parts, [int]$from) {
    for ($index = $from; $index -lt $parts.Length; $index++) {
        if ($null -eq $value) { return 'null' }
        $kind = $kinds[$value.GetType()]
        if ($null -eq $kind) { $kind = Get-Kind $value }
        if ($kind -eq $LIST) {
            $texts = New-Object 'System.Collections.Generic.List[string]'
            foreach ($element in $value) { $texts.Add((Read-Path $element $parts $index)) }
            return '[' + ($texts -join ',') + ']'
        }
        $property = $value.PSObject.Properties[$parts[$index]]
        if ($null -eq $property) { return '{"$missing":true}' }
        try { $value = $property.get_Value() } catch { return '{"$unreadable":' + (ConvertTo-ErrorText $_ $true) + '}' }
    }
    try { ConvertTo-ValueText $value } catch { '{"$unreadable":' + (ConvertTo-ErrorText $_ $true) + '}' }
}

# The live values of a path, for a later step: $null where one is not there. What is in a list counts one by one.
function Add-PathValues($found, $value, $parts, [int]$from) {
    if ($null -eq $value) { $found.Add($null); return }
    $kind = $kinds[$value.GetType()]
    if ($null -eq $kind) { $kind = Get-Kind $value }
    if ($kind -eq $LIST) { foreach ($element in $value) { Add-PathValues $found $element $parts $from } }
    elseif ($from -eq $parts.Length) { $found.Add($value) }
    else {
        $property = $value.PSObject.Properties[$parts[$from]]
        $inner = $null
        if ($null -ne $property) { try { $inner = $property.get_Value() } catch { $inner = $null } }
        Add-PathValues $found $inner $parts ($from + 1)
    }
}

# Whether a property of the object is, as invariant text and without case, one of those wanted; for each path.
function Test-Wanted($object, $only) {
    foreach ($path in $only.Keys) {
        $found = New-Object 'System.Collections.Generic.List[object]'
        Add-PathValues $found $object (Split-PropertyPath $path) 0
        $fits = $false
        foreach ($value in $found) {
            if ($null -eq $value) { continue }
            if ($value -is [System.IFormattable] -and $value -isnot [enum]) { $text = $value.ToString($null, $invariant) } else { $text = "$value" }
            foreach ($wanted in $only[$path]) { if ([string]::Equals($text, $wanted, 'OrdinalIgnoreCase')) { $fits = $true } }
        }
        if (-not $fits) { return $false }
    }
    return $true
}

function Split-PropertyPath([string]$path) {
    if ($path -ceq '.') { return , [string[]]@() }
    return , $path.Split('.')
}

# The items of a run. .Value of a property would answer null where the getter throws; get_Value() throws.
function Get-ItemsText($objects, $paths) {
    $items = New-Object 'System.Collections.Generic.List[string]'
    $texts = New-Object 'string[]' $paths.Length
    $enums = @{}   # value -> text
    foreach ($object in $objects) {
        for ($column = 0; $column -lt $texts.Length; $column++) {
            $parts = $paths[$column]
            if ($parts.Length -ne 1 -or $null -eq $object) { $texts[$column] = Read-Path $object $parts 0; continue }
            $property = $object.PSObject.Properties[$parts[0]]
            if ($null -eq $property) { $texts[$column] = Read-Path $object $parts 0; continue }
            try {
                $value = $property.get_Value()
                if ($null -eq $value) { $texts[$column] = 'null'; continue }
                $kind = $kinds[$value.GetType()]
                if ($kind -eq $TEXT) { $texts[$column] = '"' + ([string]$value).Replace('\', '\\').Replace('"', '\"') + '"' }
                elseif ($kind -eq $NUMBER) { $texts[$column] = $value.ToString($invariant) }
                elseif ($kind -eq $BOOLEAN) { if ($value) { $texts[$column] = 'true' } else { $texts[$column] = 'false' } }
                elseif ($kind -eq $ENUM) {
                    if (-not $enums.ContainsKey($value)) { $enums[$value] = ConvertTo-ValueText $value }
                    $texts[$column] = $enums[$value]
                }
                else { $texts[$column] = ConvertTo-ValueText $value }
            }
            catch { $texts[$column] = '{"$unreadable":' + (ConvertTo-ErrorText $_ $true) + '}' }
        }
        $items.Add('[' + ($texts -join ',') + ']')
    }
    '[' + ($items -join ',') + ']'
}

# --- Lines: each is ASCII and leaves as soon as it is whole; the last one counts and hashes those before it.

$written = New-Object 'System.Collections.Generic.List[string]'
$escape = { param($match) '\u{0:x4}' -f [int]$match.Value[0] }
function Write-Line([string]$line) {
    $line = [regex]::Replace($line, '[^\x20-\x7e]', $escape)
    $written.Add($line)
    $line
}

function Get-HostText {
    $facts = [ordered]@{
        edition       = { "$($PSVersionTable.PSEdition)" }
        version       = { "$($PSVersionTable.PSVersion)" }
        bits          = { [IntPtr]::Size * 8 }
        language_mode = { "$($ExecutionContext.SessionState.LanguageMode)" }
        culture       = { [System.Globalization.CultureInfo]::CurrentCulture.Name }
        ui_culture    = { [System.Globalization.CultureInfo]::CurrentUICulture.Name }
        computer      = { [Environment]::MachineName }
        user          = { [System.Security.Principal.WindowsIdentity]::GetCurrent().Name }
        elevated      = {
            $principal = New-Object System.Security.Principal.WindowsPrincipal ([System.Security.Principal.WindowsIdentity]::GetCurrent())
            $principal.IsInRole([System.Security.Principal.WindowsBuiltInRole]::Administrator)
        }
        logon         = { [System.Security.Principal.WindowsIdentity]::GetCurrent().AuthenticationType }
        delegation    = { "$([System.Security.Principal.WindowsIdentity]::GetCurrent().ImpersonationLevel)" }
        os            = { [Environment]::OSVersion.VersionString }
        clock         = { [DateTime]::UtcNow }
        oem           = { [int][Microsoft.Win32.Registry]::GetValue('HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Nls\CodePage', 'OEMCP', $null) }
    }
    $texts = foreach ($name in $facts.Keys) {
        $value = $null
        try { $value = & $facts[$name] } catch { $value = $null }
        '"' + $name + '":' + (ConvertTo-ValueText $value)
    }
    $texts -join ','
}

# --- The batch.

$batch = ConvertFrom-Marked (ConvertFrom-Json -InputObject ([regex]::Replace($args[0], '"((?:[^"\\]|\\.)*)"', '"~$1"')))
$start = '{"bft":"' + $batch['bft'] + '","kind":'
Write-Line ($start + '"host",' + (Get-HostText) + '}')

$live = @{}      # of the area: step id -> its live objects
$good = @{}      # step id -> true where it came out ok or partial
$imported = @{}  # module -> '' when it is there, 'absent', or the text of the error

# What a {"$ref": step, "path": path} stands for: the object, the array of several, or $null where there is none.
function Get-Referred($reference) {
    $objects = $live[$reference['$ref']]
    if ($null -ne $objects -and $reference.ContainsKey('path')) {
        $found = New-Object 'System.Collections.Generic.List[object]'
        Add-PathValues $found $objects (Split-PropertyPath $reference['path']) 0
        $objects = $found
        if ($found.Contains($null)) { return $null }
    }
    if ($null -eq $objects -or $objects.Count -eq 0) { return $null }
    if ($objects.Count -eq 1) { return , $objects[0] }
    return , $objects.ToArray()
}

foreach ($area in $batch['areas']) {
    $areaStart = $watch.Elapsed
    $live.Clear()
    $good.Clear()
    $stopped = $false
    $steps = New-Object 'System.Collections.Generic.List[string]'
    foreach ($step in $area['steps']) {
        $id = $step['id']
        $head = '{"id":' + (ConvertTo-Text $id) + ',"status":'
        $with = $step['with']
        if ($null -eq $with) { $with = @{} }

        # Not begun?
        $reason = $null
        if ($stopped) { $reason = 'stopped' }
        elseif ($watch.Elapsed.TotalSeconds -ge $batch['deadline']) { $reason = 'deadline' }
        else {
            $references = New-Object 'System.Collections.Generic.List[string]'
            if ($step.ContainsKey('input')) { $references.Add($step['input']) }
            $itemNames = New-Object 'System.Collections.Generic.List[string]'
            $arguments = @{}
            foreach ($name in $with.Keys) {
                $value = $with[$name]
                if ($value -is [hashtable] -and $value.ContainsKey('$ref')) {
                    $references.Add($value['$ref'])
                    $arguments[$name] = Get-Referred $value
                    if ($null -eq $arguments[$name]) { $reason = 'ref:' + $value['$ref'] }
                }
                elseif ($value -is [hashtable] -and $value.ContainsKey('$item')) { $itemNames.Add($name) }
                elseif ($null -ne $value) { $arguments[$name] = ConvertFrom-Typed $value }
            }
            foreach ($value in @($step['exe']) + $step['arguments']) {
                if ($value -isnot [hashtable] -or $value.ContainsKey('$item')) { continue }
                $references.Add($value['$ref'])
                if ($null -eq (Get-Referred $value)) { $reason = 'ref:' + $value['$ref'] }
            }
            foreach ($reference in $references) { if (-not $good[$reference]) { $reason = 'ref:' + $reference; break } }
        }
        if ($null -ne $reason) {
            $steps.Add($head + '"skipped","reason":' + (ConvertTo-Text $reason) + '}')
            continue
        }

        if ($step.ContainsKey('sql')) {
            $runs = @(Get-QueryRuns $step['sql'] $step['queries'] $batch['deadline'])
            $status = 'ok'
            if ($runs.Count -eq 1) { $status = 'failed' }
            $steps.Add($head + '"' + $status + '","runs":[' + ($runs -join ',') + ']}')
            continue
        }

        if ($step.ContainsKey('exe')) {
            $subjects = , $null
            if ($step.ContainsKey('each')) { $subjects = $step['each'] }
            $runs = @(foreach ($subject in $subjects) {
                    $file = $step['exe']
                    if ($file -is [hashtable]) { $file = Get-Referred $file }
                    $given = @(foreach ($argument in $step['arguments']) {
                            if ($argument -isnot [hashtable]) { $argument }
                            elseif ($argument.ContainsKey('$item')) { $subject }
                            else { , (Get-Referred $argument) }
                        })
                    Get-ExeRun $file $given $step['timeout']
                })
            $failures = @($runs -like '{"items":`[`],*').Count
            $status = 'ok'
            if ($failures -and $failures -eq $runs.Count) { $status = 'failed' }
            elseif ($failures) { $status = 'partial' }
            if ($status -ne 'failed') { $good[$id] = $true }
            if ($failures -and $step['on_error'] -eq 'stop') { $stopped = $true }
            $steps.Add($head + '"' + $status + '","runs":[' + ($runs -join ',') + ']}')
            continue
        }

        # Is the module there?
        $needs = $step['needs']
        if ($needs) {
            if (-not $imported.ContainsKey($needs)) {
                try {
                    $null = Import-Module -Name $needs -Global -DisableNameChecking -ErrorAction Stop 3>$null 4>$null 5>$null 6>$null
                    $imported[$needs] = ''
                }
                catch {
                    $name = "$($_.FullyQualifiedErrorId)"
                    if (-not $name.StartsWith('Modules_ModuleNotFound', [StringComparison]::Ordinal)) { $imported[$needs] = ConvertTo-ErrorText $_ $true }
                    else {
                        # No module: a snap-in, which Windows PowerShell alone has.
                        $imported[$needs] = 'absent'
                        try {
                            if ((Get-Command -Name Add-PSSnapin -ErrorAction Ignore) -and (Get-PSSnapin -Registered -Name $needs -ErrorAction Ignore)) {
                                $null = Add-PSSnapin -Name $needs -ErrorAction Stop 3>$null 4>$null 5>$null 6>$null
                                $imported[$needs] = ''
                            }
                        }
                        catch { $imported[$needs] = ConvertTo-ErrorText $_ $true }
                    }
                }
            }
            if ($imported[$needs] -eq 'absent') {
                $steps.Add($head + '"absent","reason":' + (ConvertTo-Text $needs) + '}')
                if ($step['on_error'] -eq 'stop') { $stopped = $true }
                continue
            }
            if ($imported[$needs]) {
                $steps.Add($head + '"failed","runs":[{"items":[],"errors":[' + $imported[$needs] + '],"warnings":[]}]}')
                if ($step['on_error'] -eq 'stop') { $stopped = $true }
                continue
            }
        }

        # The runs: one, or one for each object of `input` or value of `each`.
        $piping = $step.ContainsKey('input')
        $subjects = , $null
        if ($piping) { $subjects = $live[$step['input']] }
        elseif ($step.ContainsKey('each')) { $subjects = $step['each'] }
        $command = $step['call']
        $property = $step['set']
        $paths = $null
        if ($step.ContainsKey('select')) {
            $paths = @(foreach ($path in $step['select']) { , (Split-PropertyPath $path) })
        }
        $objectsOfStep = New-Object 'System.Collections.Generic.List[object]'
        $runs = New-Object 'System.Collections.Generic.List[string]'
        $failures = 0
        foreach ($subject in $subjects) {
            foreach ($name in $itemNames) { $arguments[$name] = $subject }
            $emitted = @()
            $thrown = $null
            try {
                if ($property) {
                    $subject.$property = $arguments['value']
                    $emitted = @(, $subject)
                }
                # Errors and warnings are merged into the output: an error variable would also hold those that the cmdlet itself mended.
                elseif ($piping) {
                    $emitted = @(, $subject |
                            & $command @arguments -ErrorAction Continue -WarningAction Continue 2>&1 3>&1 4>$null 5>$null 6>$null)
                }
                else {
                    $emitted = @(& $command @arguments -ErrorAction Continue -WarningAction Continue 2>&1 3>&1 4>$null 5>$null 6>$null)
                }
            }
            catch { $thrown = $_ }

            $output = New-Object 'System.Collections.Generic.List[object]'
            $errorTexts = New-Object 'System.Collections.Generic.List[string]'
            $warningTexts = New-Object 'System.Collections.Generic.List[string]'
            foreach ($object in $emitted) {
                if ($object -is [System.Management.Automation.ErrorRecord]) { $errorTexts.Add((ConvertTo-ErrorText $object $false)) }
                elseif ($object -is [System.Management.Automation.WarningRecord]) { $warningTexts.Add((ConvertTo-Text $object.Message)) }
                else { $output.Add($object) }
            }
            # Some cmdlets emit one collection instead of its items.
            if ($output.Count -eq 1 -and $null -ne $output[0] -and -not $property) {
                $whole = $output[0]
                $kind = $kinds[$whole.GetType()]
                if ($null -eq $kind) { $kind = Get-Kind $whole }
                if ($kind -eq $LIST) {
                    $output.Clear()
                    foreach ($element in $whole) { $output.Add($element) }
                }
            }
            if ($step.ContainsKey('only')) {
                $kept = New-Object 'System.Collections.Generic.List[object]'
                foreach ($object in $output) { if (Test-Wanted $object $step['only']) { $kept.Add($object) } }
                $output = $kept
            }
            $objectsOfStep.AddRange($output)
            if ($thrown) { $errorTexts.Add((ConvertTo-ErrorText $thrown $true)) }
            if ($errorTexts.Count) { $failures++ }
            $itemsText = '[]'
            if ($null -ne $paths) { $itemsText = Get-ItemsText $output $paths }
            $runs.Add('{"items":' + $itemsText + ',"errors":[' + ($errorTexts -join ',') +
                '],"warnings":[' + ($warningTexts -join ',') + ']}')
        }

        $status = 'ok'
        if ($failures -and $objectsOfStep.Count) { $status = 'partial' }
        elseif ($failures) { $status = 'failed' }
        if ($status -ne 'failed') { $live[$id] = $objectsOfStep; $good[$id] = $true }
        if ($status -ne 'ok' -and $step['on_error'] -eq 'stop') { $stopped = $true }
        $steps.Add($head + '"' + $status + '","runs":[' + ($runs -join ',') + ']}')
    }
    $seconds = [Math]::Round(($watch.Elapsed - $areaStart).TotalSeconds, 3).ToString('R', $invariant)
    Write-Line ($start + '"area","area":' + (ConvertTo-Text $area['area']) + ',"seconds":' + $seconds +
        ',"steps":[' + ($steps -join ',') + ']}')
}

$sha = New-Object System.Security.Cryptography.SHA256CryptoServiceProvider
$hash = [BitConverter]::ToString($sha.ComputeHash([System.Text.Encoding]::ASCII.GetBytes($written -join "`n")))
$hash = $hash.Replace('-', '').ToLowerInvariant()
$start + '"end","lines":' + $written.Count.ToString($invariant) + ',"sha256":"' + $hash + '"}'
