// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {Founder, FounderConsent, MandateCaps} from "../../../contracts/interfaces/ICharter.sol";
import {ILedger, Kind, Outcome} from "../../../contracts/interfaces/ILedger.sol";
import {FirewoodTerms, IFirewood, WoodLine, WoodMoney} from "../../../contracts/subcontracts/IFirewood.sol";
import {AccountId, Accounts, Epoch, StreamId} from "../../../contracts/types/Ids.sol";
import {Verdict} from "../../../contracts/types/Report.sol";
import {Vm} from "../../Base.t.sol";
import {Draft, Village} from "../../Village.sol";

/// @notice Seven settlements worked out on paper, apart from this project, played through the real contracts. They are
/// read from `HEARTH_DATA` (by default `../shared/data`); where they are not, it says so.
contract PaperTest is Village {
    uint256 private constant MOST = 64; // members and weeks of a scenario

    string private paper;
    string private expected;
    string[] private names;

    /// @dev What the logs of one settlement say of one member.
    struct Line {
        bool settled;
        uint256 band;
        uint256 charge;
        Outcome outcome;
        bool sharing;
        uint256 shared;
    }

    mapping(uint256 member => Line) private lines;
    WoodMoney private money;

    function test_R8_Paper11() external {
        play("11");
    }

    function test_R8_Paper12() external {
        play("12");
    }

    function test_R8_Paper13() external {
        play("13");
    }

    function test_R8_Paper14() external {
        play("14");
    }

    function test_R8_Paper15() external {
        play("15");
    }

    function test_R8_Paper16() external {
        play("16");
    }

    function test_R8_Paper21() external {
        play("21");
    }

    /// @dev The scenario from founding to its last week; every figure is held against the paper's.
    function play(string memory number) private {
        string memory folder = string.concat(vm.envOr("HEARTH_DATA", "../shared/data"), "/settlements/");
        string memory file = string.concat(folder, number, ".json");
        if (!vm.exists(file)) {
            vm.skip(true, string.concat("skipped: no recordings at ", file));
            return;
        }
        paper = vm.readFile(file);
        expected = vm.readFile(string.concat(folder, number, ".expected.json"));

        found(draftOfPaper());
        uint64 warmth = amount(paper, ".parameters.warmth");
        if (warmth != 0) depositFrom(personOf("donor"), Accounts.ofPot(WOOD, 1), warmth);
        for (uint256 i; exists(paper, at(".weeks", i)); ++i) {
            playWeek(i);
        }

        for (uint256 i; i < names.length; ++i) {
            vm.assertEq(freeOf(i + 1), amountOf(expected, ".purses", i), says("purse", names[i]));
            uint64 owed = ledger.purse(purseOf(i + 1)).arrears;
            vm.assertEq(owed, amountOf(expected, ".arrears", i), says("arrears", names[i]));
        }
        vm.assertEq(potOf(0), amount(expected, ".pots.shrinkage"), "R8: shrinkage pot");
        vm.assertEq(potOf(1), amount(expected, ".pots.warmth"), "R8: warmth pot");
    }

    function draftOfPaper() private returns (Draft memory draft) {
        while (exists(paper, at(".members", names.length))) {
            names.push(vm.parseJsonString(paper, string.concat(at(".members", names.length), ".name")));
        }
        uint256 count = names.length;
        draft = draftOf(count, 4);
        draft.floor = amount(paper, ".parameters.floor");
        FirewoodTerms memory terms = draft.wood;
        terms.provider = memberId(numberOf(vm.parseJsonString(paper, ".provider")));
        terms.price = amount(paper, ".parameters.p0");
        terms.refGrams = uint32(vm.parseJsonUint(paper, ".parameters.refGrams"));
        uint256[] memory mu = vm.parseJsonUintArray(paper, ".parameters.mu");
        string[] memory bands = vm.parseJsonStringArray(paper, ".parameters.bands");
        for (uint256 i; i < 8; ++i) {
            terms.multiples[i] = uint32(mu[i]);
            terms.bounds[i] = uint64(vm.parseUint(bands[i]));
        }
        for (uint256 i; i < count; ++i) {
            string memory member = at(".members", i);
            draft.deposits[i] = amount(paper, string.concat(member, ".deposit"));
            MandateCaps memory caps = MandateCaps(
                WOOD,
                amount(paper, string.concat(member, ".mandate.perEvent")),
                amount(paper, string.concat(member, ".mandate.perPeriod")),
                amount(paper, string.concat(member, ".mandate.sharedPerPeriod")),
                uint40(startOf() + 364 days)
            );
            draft.consents[i] = consentOf(
                uint8(vm.parseJsonUint(paper, string.concat(member, ".band"))),
                amount(paper, string.concat(member, ".globalPerPeriod")),
                caps
            );
        }
    }

    function playWeek(uint256 index) private {
        string memory key = at(".weeks", index);
        bool ok = same(vm.parseJsonString(paper, string.concat(key, ".verdict")), "OK");
        string memory deposits = string.concat(key, ".deposits");
        if (exists(paper, deposits)) {
            vm.warp(weekBegin(week) + 2 days);
            for (uint256 i; exists(paper, at(deposits, i)); ++i) {
                string memory one = at(deposits, i);
                uint256 member = numberOf(vm.parseJsonString(paper, string.concat(one, ".member")));
                deposit(member, amount(paper, string.concat(one, ".amount")));
            }
        }

        for (uint256 i; i < names.length; ++i) {
            delete lines[i + 1];
        }
        delete money;
        vm.recordLogs();
        if (ok) settleWeek(payloadOfPaper(key));
        else report(Verdict.Stale, "");
        readLogs();

        check(key);
    }

    function payloadOfPaper(string memory key) private view returns (bytes memory) {
        string memory list = string.concat(key, ".lines");
        WoodLine[] memory taken = new WoodLine[](MOST);
        uint256 count;
        while (exists(paper, at(list, count))) {
            string memory one = at(list, count);
            taken[count++] = WoodLine(
                memberId(numberOf(vm.parseJsonString(paper, string.concat(one, ".member")))),
                uint16(vm.parseJsonUint(paper, string.concat(one, ".pieces"))),
                uint32(vm.parseJsonUint(paper, string.concat(one, ".grams")))
            );
        }
        assembly ("memory-safe") {
            mstore(taken, count)
        }
        string memory none = string.concat(key, ".unattributed");
        if (!exists(paper, none)) return payloadOf(taken, 0, 0);
        return payloadOf(
            taken,
            uint32(vm.parseJsonUint(paper, string.concat(none, ".pieces"))),
            uint32(vm.parseJsonUint(paper, string.concat(none, ".grams")))
        );
    }

    function readLogs() private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            bytes32 what = logs[i].topics[0];
            if (what == IFirewood.LineSettled.selector) {
                Line storage line = lines[uint256(logs[i].topics[2])];
                line.settled = true;
                (line.band,, line.charge) = abi.decode(logs[i].data, (uint256, uint256, uint256));
            } else if (what == ILedger.Collected.selector) {
                Line storage line = lines[uint256(logs[i].topics[2])];
                (,, Kind kind,,,, Outcome memory outcome) =
                    abi.decode(logs[i].data, (StreamId, Epoch, Kind, uint16, AccountId, AccountId, Outcome));
                if (kind == Kind.Charge) line.outcome = outcome;
                else (line.sharing, line.shared) = (true, outcome.paid);
            } else if (what == IFirewood.WoodSettled.selector) {
                money = abi.decode(logs[i].data, (WoodMoney));
            }
        }
    }

    /// @dev The week as the logs tell it against the week on paper.
    function check(string memory key) private view {
        uint256 settled;
        for (uint256 i; i < names.length; ++i) {
            Line storage line = lines[i + 1];
            if (line.settled) ++settled;
            if (!line.settled) continue;
            checkOne(key, ".band", i, line.band);
            checkOne(key, ".charge", i, line.charge);
            checkOne(key, ".paid", i, line.outcome.paid);
            checkOne(key, ".arrears", i, line.outcome.arrears);
            checkOne(key, ".extinguished", i, line.outcome.extinguished);
        }
        vm.assertEq(settled, countOf(key, ".band"), says("every line", key));

        uint256 sharers = countOf(key, ".shared");
        for (uint256 i; i < names.length; ++i) {
            string memory one = string.concat(key, ".shared.", names[i]);
            if (exists(expected, one)) checkOne(key, ".shared", i, lines[i + 1].shared);
            else vm.assertFalse(lines[i + 1].sharing, says("shares nothing", one));
        }
        vm.assertEq(sharers, money.unattributed == 0 ? 0 : names.length - 1, says("sharers", key));

        checkMoney(key, ".trueUp", money.trueUp);
        checkMoney(key, ".toShrinkage", money.toShrinkage);
        checkMoney(key, ".toProvider", money.toProvider);
        checkMoney(key, ".toWarmth", money.toWarmth);
        checkMoney(key, ".fromReserve", money.fromReserve);
        checkMoney(key, ".borneByProvider", money.borneByProvider);
    }

    function checkOne(string memory key, string memory what, uint256 index, uint256 given) private view {
        string memory one = string.concat(key, what, ".", names[index]);
        vm.assertEq(given, amount(expected, one), says("to the unit", one));
    }

    /// @dev What paper does not name is nothing.
    function checkMoney(string memory key, string memory what, uint256 given) private view {
        string memory one = string.concat(key, what);
        uint256 wanted = exists(expected, one) ? amount(expected, one) : 0;
        vm.assertEq(given, wanted, says("to the unit", one));
    }

    function countOf(string memory key, string memory what) private view returns (uint256) {
        return vm.parseJsonKeys(expected, string.concat(key, what)).length;
    }

    function amountOf(string memory json, string memory key, uint256 index) private view returns (uint64) {
        return amount(json, string.concat(key, ".", names[index]));
    }

    function amount(string memory json, string memory key) private pure returns (uint64) {
        return uint64(vm.parseUint(vm.parseJsonString(json, key)));
    }

    function exists(string memory json, string memory key) private view returns (bool) {
        return vm.keyExistsJson(json, key);
    }

    function at(string memory key, uint256 index) private pure returns (string memory) {
        return string.concat(key, "[", vm.toString(index), "]");
    }

    function numberOf(string memory name) private view returns (uint256) {
        for (uint256 i; i < names.length; ++i) {
            if (same(names[i], name)) return i + 1;
        }
        revert(string.concat("paper: no member of the name ", name));
    }

    function same(string memory a, string memory b) private pure returns (bool) {
        return keccak256(bytes(a)) == keccak256(bytes(b));
    }

    function says(string memory what, string memory where) private pure returns (string memory) {
        return string.concat("R8: ", what, " ", where);
    }
}
