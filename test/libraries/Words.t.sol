// SPDX-License-Identifier: GPL-3.0-or-later
pragma solidity 0.8.37;

import {MandateCaps} from "../../contracts/interfaces/ICharter.sol";
import {Words} from "../../contracts/libraries/Words.sol";
import {SubcontractId} from "../../contracts/types/Ids.sol";
import {Base} from "../Base.t.sol";

contract WordsTest is Base {
    function caps(uint16 subcontract) private pure returns (MandateCaps memory) {
        return MandateCaps(SubcontractId.wrap(subcontract), 17_000_000, 47_000_000, 1_000_000, 1_795_000_000);
    }

    function test_R1_8_MoneyReadsWithSixDecimalsAndUnit() external pure {
        vm.assertEq(Words.money(0), "0.000000 H", "nothing is written out");
        vm.assertEq(Words.money(1), "0.000001 H", "one unit");
        vm.assertEq(Words.money(12_500_000), "12.500000 H", "the example of the rule");
        vm.assertEq(Words.money(type(uint64).max), "18446744073709.551615 H", "the largest amount");
    }

    function testFuzz_R1_8_MoneyNamesOneAmountOnly(uint64 a, uint64 b) external pure {
        vm.assertEq(
            keccak256(bytes(Words.money(a))) == keccak256(bytes(Words.money(b))),
            a == b,
            "one text, one amount"
        );
    }

    function test_R2_1_MandateReadsOnOneLine() external pure {
        vm.assertEq(
            Words.mandate(caps(1)),
            "subcontract 1: at most 17.000000 H per event, 47.000000 H per period, 1.000000 H shared per period, until 1795000000",
            "the line a founder signs"
        );
    }

    function test_R2_1_MandatesAreJoinedByLineFeeds() external pure {
        MandateCaps[] memory none;
        MandateCaps[] memory two = new MandateCaps[](2);
        (two[0], two[1]) = (caps(1), caps(2));

        vm.assertEq(Words.mandates(none), "", "no mandate is an empty text");
        vm.assertEq(
            Words.mandates(two),
            string.concat(Words.mandate(caps(1)), "\n", Words.mandate(caps(2))),
            "one line each"
        );
    }
}
