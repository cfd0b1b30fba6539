/// Where the words of some files stand, and whether a declaration is used there.
struct Uses {
    private struct Place {
        let file: Int
        let index: Int
    }

    private let files: [SourceFile]
    private var places: [String: [Place]] = [:]
    /// Names of declarations are not uses of them.
    private var declared: Set<[Int]> = []
    /// The functions of each file, to know what a parameter hides.
    private var functions: [[Declaration]]

    init(in files: [SourceFile], declarations: [Declaration]) {
        self.files = files
        functions = Array(repeating: [], count: files.count)
        for (file, source) in files.enumerated() {
            for (index, token) in source.tokens.enumerated() where token.isWord {
                places[token.text, default: []].append(Place(file: file, index: index))
            }
        }
        for declaration in declarations where declaration.file < files.count {
            declared.insert([declaration.file, declaration.nameIndex])
            if !declaration.parameters.isEmpty { functions[declaration.file].append(declaration) }
        }
    }

    func contain(_ declaration: Declaration) -> Bool {
        if case .initializer = declaration.kind { return containInitializer(declaration) }
        return places[declaration.name, default: []].contains { place in
            !isOwn(place, of: declaration) && isUse(place, of: declaration)
        }
    }

    private func isOwn(_ place: Place, of declaration: Declaration) -> Bool {
        declared.contains([place.file, place.index])
            || (place.file == declaration.file && declaration.range.contains(place.index))
    }

    private func text(_ place: Place, _ offset: Int) -> String {
        let tokens = files[place.file].tokens
        let index = place.index + offset
        return tokens.indices.contains(index) ? tokens[index].text : ""
    }

    private func isUse(_ place: Place, of declaration: Declaration) -> Bool {
        switch declaration.kind {
        case .type: return text(place, -1) != "extension"
        case .enumCase: return text(place, -1) == "." && !isPattern(place)
        case .value:
            return !isLabel(place) && !isOnlySet(place) && !isHidden(place)
        case .function(let parameters):
            if isLabel(place) || isHidden(place) { return false }
            guard let call = call(after: place.index + 1, in: place.file) else { return true }
            return call.fits(parameters)
        case .initializer, .unnamed: return false
        }
    }

    /// `Owner(…)`, `Self(…)`, or `.init(…)` after the owner's name or none.
    private func containInitializer(_ declaration: Declaration) -> Bool {
        let owners: Set = [declaration.owner, "self", "Self", "super"]
        return [declaration.owner, "Self", "init"].contains { word in
            places[word, default: []].contains { place in
                if isOwn(place, of: declaration) { return false }
                if word == "init" {
                    let before = text(place, -2)
                    let isOfAnother = before.first?.isUppercase == true && !owners.contains(before)
                    if text(place, -1) != "." || isOfAnother { return false }
                }
                let call = call(after: place.index + 1, in: place.file)
                return call?.fits(declaration.parameters) ?? false
            }
        }
    }

    /// `name:` before an argument or a parameter.
    private func isLabel(_ place: Place) -> Bool {
        text(place, 1) == ":" && ["(", ","].contains(text(place, -1))
    }

    /// `self.name = …` gives it a value that nobody may ever read.
    private func isOnlySet(_ place: Place) -> Bool {
        text(place, -1) == "." && text(place, -2) == "self"
            && text(place, 1) == "=" && text(place, 2) != "="
    }

    /// A parameter of that name is meant.
    private func isHidden(_ place: Place) -> Bool {
        guard text(place, -1) != "." else { return false }
        let name = text(place, 0)
        return functions[place.file].contains { function in
            function.range.contains(place.index) && function.parameters.contains { $0.name == name }
        }
    }

    /// `case .name` asks whether it is that, and does not make it so.
    private func isPattern(_ place: Place) -> Bool {
        let tokens = files[place.file].tokens
        var index = place.index - 1
        var depth = 0
        while index > 0 {
            switch tokens[index].text {
            case ")": depth += 1
            case "(" where depth > 0: depth -= 1
            case "case": return true
            case ":", "=", "{", "}", ";", "?", "return": if depth == 0 { return false }
            default: break
            }
            index -= 1
        }
        return false
    }

    /// What a call passes: its labels, and how many closures follow it.
    private struct Call {
        let labels: [String]
        let closures: Int

        /// Parameters may be left out that have a default value, or that a closure after the call
        /// stands for.
        func fits(_ parameters: [Declaration.Parameter]) -> Bool {
            var left = labels[...]
            var needed = 0
            for parameter in parameters {
                if left.first == parameter.label {
                    left.removeFirst()
                } else if !parameter.hasDefault {
                    needed += 1
                }
            }
            return left.isEmpty && needed <= closures
        }
    }

    private func call(after index: Int, in file: Int) -> Call? {
        let tokens = files[file].tokens
        var open = index
        func text(_ index: Int) -> String {
            tokens.indices.contains(index) ? tokens[index].text : ""
        }
        if text(open) == "<" { open = tokens.skippingAngles(from: open) }
        while ["?", "!"].contains(text(open)), text(open + 1) == "(" { open += 1 }
        if text(open) == "{" { return Call(labels: [], closures: closures(at: open, in: tokens)) }
        guard text(open) == "(" else { return nil }
        let (parts, end) = tokens.arguments(from: open)
        if let only = parts.first, parts.count == 1, let labels = compound(tokens[only]) {
            return Call(labels: labels, closures: 0)
        }
        let labels = parts.map { part in
            tokens[part.lowerBound].isWord && text(part.lowerBound + 1) == ":"
                ? tokens[part.lowerBound].text : "_"
        }
        return Call(labels: labels, closures: closures(at: end, in: tokens))
    }

    /// The labels of a reference: `insert(_:at:)`.
    private func compound(_ tokens: ArraySlice<Token>) -> [String]? {
        guard tokens.count.isMultiple(of: 2), !tokens.isEmpty else { return nil }
        let pairs = stride(from: tokens.startIndex, to: tokens.endIndex, by: 2)
        guard pairs.allSatisfy({ tokens[$0].isWord && tokens[$0 + 1].text == ":" }) else {
            return nil
        }
        return pairs.map { tokens[$0].text }
    }

    /// `{ … } label: { … }`: how many there are.
    private func closures(at index: Int, in tokens: [Token]) -> Int {
        var (count, at) = (0, index)
        while tokens.indices.contains(at), tokens[at].text == "{" {
            count += 1
            at = tokens.arguments(from: at).end
            if tokens.indices.contains(at + 1), tokens[at].isWord, tokens[at + 1].text == ":" {
                at += 2
            }
        }
        return count
    }
}
