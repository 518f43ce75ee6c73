# The other end of the generated functions: asks the lab's backend, over the process's own standard output and input, and turns
# the answer into live objects - properties that are plain, that throw, or that call back when they are set.
# Every text of the wire carries a leading ~, so that no version of ConvertFrom-Json takes it for a date.

$common = 'ErrorAction', 'WarningAction', 'ErrorVariable', 'WarningVariable', 'InformationAction', 'InformationVariable', 'OutVariable',
    'OutBuffer', 'PipelineVariable', 'Verbose', 'Debug', 'ProgressAction'
$types = @{}
$live = @{}   # number -> object, for the whole batch
$assembly = [System.Reflection.Emit.AssemblyBuilder]::DefineDynamicAssembly('LabTypes', 'Run')
$types['module'] = $assembly.DefineDynamicModule('LabTypes')

function ConvertTo-LabJson($value) {
    if ($null -eq $value) { return 'null' }
    if ($value -is [switch] -or $value -is [bool]) { if ($value) { return 'true' } return 'false' }
    if ($value -is [int] -or $value -is [long] -or $value -is [uint32] -or $value -is [uint64] -or $value -is [double]) {
        return $value.ToString([cultureinfo]::InvariantCulture)
    }
    $id = $value.PSObject.Properties['#lab']
    if ($id) { return '{"live":' + $id.Value + '}' }
    if ($value -is [timespan]) { return '{"seconds":' + $value.TotalSeconds.ToString([cultureinfo]::InvariantCulture) + '}' }
    if ($value -is [datetime]) {
        if ($value.Kind -eq 'Unspecified') { return '{"local":' + (ConvertTo-LabJson $value.ToString('s', [cultureinfo]::InvariantCulture)) + '}' }
        return '{"instant":' + (ConvertTo-LabJson $value.ToUniversalTime().ToString('o', [cultureinfo]::InvariantCulture)) + '}'
    }
    if ($value -is [securestring]) {
        return '{"secret":' + (ConvertTo-LabJson ([System.Net.NetworkCredential]::new('', $value).Password)) + '}'
    }
    if ($value -is [pscredential]) {
        $password = $value.GetNetworkCredential().Password
        return '{"credential":[' + (ConvertTo-LabJson $value.UserName) + ',' + (ConvertTo-LabJson $password) + ']}'
    }
    if ($value -is [System.Collections.IDictionary]) {
        return '{"map":{' + (@(foreach ($key in $value.Keys) { (ConvertTo-LabJson "$key") + ':' + (ConvertTo-LabJson $value[$key]) }) -join ',') + '}}'
    }
    if ($value -is [System.Collections.IEnumerable] -and $value -isnot [string]) {
        return '[' + (@(foreach ($part in $value) { ConvertTo-LabJson $part }) -join ',') + ']'
    }
    '"' + [regex]::Replace("$value".Replace('\', '\\').Replace('"', '\"'), '[^\x20-\x7e]', { param($match) '\u{0:x4}' -f [int]$match.Value[0] }) + '"'
}

function New-LabEnum([string]$type, [long]$number, [string]$name) {
    $key = "$type/$number/$name"
    if (-not $types[$key]) {
        $base = if ($number -gt [int]::MaxValue) { [uint32] } else { [int] }
        $enum = $types['module'].DefineEnum("$($types.Count).$type", 'Public', $base)
        if ($name -ne "$number") { $null = $enum.DefineLiteral($name, ($number -as $base)) }
        $types[$key] = $enum.CreateTypeInfo().AsType()
    }
    [Enum]::ToObject($types[$key], $number)
}

function New-LabException($link, $inner) {
    $name = $link.type.Substring(1)
    $message = $link.message.Substring(1)
    if ($null -ne $link.native) { $exception = [System.ComponentModel.Win32Exception]::new([int]$link.native, $message) }
    else {
        $type = $name -as [type]
        if (-not $type) { $type = $types["exception $name"] }
        if (-not $type) {
            $builder = $types['module'].DefineType($name, 'Public, Class', [Exception])
            $arguments = [type[]]([string], [Exception])
            $constructor = $builder.DefineConstructor('Public', 'Standard', $arguments).GetILGenerator()
            foreach ($code in 'Ldarg_0', 'Ldarg_1', 'Ldarg_2') { $constructor.Emit([System.Reflection.Emit.OpCodes]::$code) }
            $constructor.Emit([System.Reflection.Emit.OpCodes]::Call, [Exception].GetConstructor($arguments))
            $constructor.Emit([System.Reflection.Emit.OpCodes]::Ret)
            $type = $types["exception $name"] = $builder.CreateTypeInfo().AsType()
        }
        $exception = $type.GetConstructor([type[]]([string], [Exception])).Invoke(@($message, $inner))
    }
    $exception.HResult = [BitConverter]::ToInt32([BitConverter]::GetBytes([uint32]$link.hresult), 0)
    $exception
}

function New-LabError($failure) {
    $exception = $null
    for ($i = $failure.chain.Count - 1; $i -ge 0; $i--) { $exception = New-LabException $failure.chain[$i] $exception }
    [System.Management.Automation.ErrorRecord]::new($exception, $failure.fqid.Substring(1), $failure.category.Substring(1), $null)
}

function ConvertFrom-LabValue($value) {
    if ($null -eq $value -or $value -is [bool]) { return $value }
    if ($value -is [string]) { return $value.Substring(1) }
    if ($value -isnot [System.Management.Automation.PSCustomObject]) { return $value }
    $kind = @($value.PSObject.Properties)[0].Name
    if ($kind -eq 'list') { return , [object[]]@(foreach ($part in $value.list) { ConvertFrom-LabValue $part }) }
    if ($kind -eq 'live') { return $live[[int]$value.live] }
    if ($kind -eq 'enum') { return New-LabEnum $value.enum[0].Substring(1) $value.enum[1] $value.enum[2].Substring(1) }
    if ($kind -eq 'instant') { return [datetime]::Parse($value.instant.Substring(1), [cultureinfo]::InvariantCulture, 'RoundtripKind').ToLocalTime() }
    if ($kind -eq 'seconds') { return [timespan]::FromTicks([long]([decimal]$value.seconds * 10000000)) }
    return , [Convert]::FromBase64String($value.bytes.Substring(1))
}

function Send-LabRequest([string]$json) {
    [Console]::Out.WriteLine("#call $json")
    [Console]::Out.Flush()
    ConvertFrom-Json -InputObject ([Console]::In.ReadLine())
}

function Set-LabProperty($object, [string]$name, $value) {
    $on = $object.PSObject.Properties['#lab'].Value
    $said = Send-LabRequest ('{"set":' + (ConvertTo-LabJson $name) + ',"on":' + $on + ',"to":' + (ConvertTo-LabJson $value) + '}')
    if ($said.errors) { throw (New-LabError $said.errors[0]).Exception }
    $object.PSObject.Properties['#stored'].Value[$name] = $value
}

$scripts = @{}
function Get-LabScript([string]$kind, [string]$name) {
    if (-not $scripts["$kind $name"]) {
        $stored = "`$this.PSObject.Properties['#stored'].Value['$name']"
        $text = @{ throw = "throw $stored"; get = ", $stored"; set = "Set-LabProperty `$this '$name' `$args[0]" }[$kind]
        $scripts["$kind $name"] = [scriptblock]::Create($text)
    }
    $scripts["$kind $name"]
}

function ConvertFrom-LabAnswer($answer) {
    foreach ($made in $answer.live) {
        $object = [System.Management.Automation.PSObject]::new()
        $live[[int]$made.id] = $object
        $members = $object.PSObject.Properties
        $settable = @($made.settable)
        $stored = @{}
        foreach ($pair in $made.properties) {
            $name, $value = $pair[0].Substring(1), $pair[1]
            if ($settable -notcontains $pair[0] -and ($null -eq $value -or $value -isnot [System.Management.Automation.PSCustomObject])) {
                if ($value -is [string]) { $value = $value.Substring(1) }
                $members.Add([psnoteproperty]::new($name, $value))
                continue
            }
            if ($value.unreadable) {
                $stored[$name] = (New-LabError $value.unreadable).Exception
                $members.Add([psscriptproperty]::new($name, (Get-LabScript 'throw' $name)))
            }
            elseif ($settable -contains $pair[0]) {
                $stored[$name] = ConvertFrom-LabValue $value
                $members.Add([psscriptproperty]::new($name, (Get-LabScript 'get' $name), (Get-LabScript 'set' $name)))
            }
            else { $members.Add([psnoteproperty]::new($name, (ConvertFrom-LabValue $value))) }
        }
        $members.Add([psnoteproperty]::new('#lab', [int]$made.id))
        $members.Add([psnoteproperty]::new('#stored', $stored))
        # Last: a type that PowerShell knows may have members of the same names.
        $object.PSObject.TypeNames.Insert(0, $made.type.Substring(1))
    }
    foreach ($out in $answer.objects) { ConvertFrom-LabValue $out }
}

function Invoke-LabCommand([string]$command, [hashtable]$given, $piped, $cmdlet) {
    $parts = @(foreach ($name in $given.Keys) { if ($common -notcontains $name) { (ConvertTo-LabJson $name) + ':' + (ConvertTo-LabJson $given[$name]) } })
    $answer = Send-LabRequest ('{"call":' + (ConvertTo-LabJson $command) + ',"with":{' + ($parts -join ',') + '},"piped":' + (ConvertTo-LabJson $piped) + '}')
    ConvertFrom-LabAnswer $answer
    foreach ($warning in $answer.warnings) { $cmdlet.WriteWarning($warning.Substring(1)) }
    foreach ($failure in $answer.errors) {
        if ($failure.terminating) { $cmdlet.ThrowTerminatingError((New-LabError $failure)) }
        $cmdlet.WriteError((New-LabError $failure))
    }
}

Export-ModuleMember -Function *-Lab*
